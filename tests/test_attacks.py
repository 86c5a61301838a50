"""Damaged files are refused or read right; scripts in benchmarks/ do the same at length."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import settings

from benchmarks import attack_files, mutated_files


def test_damaged_sets_are_refused_or_read_right(tmp_path: Path) -> None:
    found = attack_files.attack_sets(360, 1, tmp_path)
    assert not attack_files.failures(found)
    assert found.total() == 360
    assert sum(n for (_, result), n in found.items() if result == attack_files.REFUSED) > 300
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_mutated_slimmable_files_are_refused_or_read_right() -> None:
    count = max(500, settings.default.max_examples)
    found = mutated_files.attack(count, seed=1)
    assert not mutated_files.failures(found)
    assert found.total() == count
    results = Counter(result for (_, result), n in found.items() for _ in range(n))
    assert results[mutated_files.REFUSED] > 0.6 * count
    assert min(results[mutated_files.RIGHT], results[mutated_files.PREFIX]) > 0


def test_damaged_checkpoints_are_refused_or_resumed_right(tmp_path: Path) -> None:
    found = attack_files.attack_checkpoints(60, 1, tmp_path)
    assert not attack_files.failures(found)
    assert found.total() == 60
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint"]
