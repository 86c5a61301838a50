"""Damaged files are refused or read right; benchmarks/attack_files.py does the same at length."""

from __future__ import annotations

from pathlib import Path

from benchmarks import attack_files


def test_damaged_sets_are_refused_or_read_right(tmp_path: Path) -> None:
    found = attack_files.attack_sets(360, 1, tmp_path)
    assert not attack_files.failures(found)
    assert found.total() == 360
    assert sum(n for (_, result), n in found.items() if result == attack_files.REFUSED) > 300
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_damaged_checkpoints_are_refused_or_resumed_right(tmp_path: Path) -> None:
    found = attack_files.attack_checkpoints(60, 1, tmp_path)
    assert not attack_files.failures(found)
    assert found.total() == 60
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint"]
