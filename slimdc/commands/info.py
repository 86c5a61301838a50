"""``slimdc info``: what a file holds, what each prefix of it costs, and whether it is whole."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc.commands.answers import answer
from slimdc.commands.options import add_answer, add_foreign, completed, set_or_folder
from slimdc.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimdc.parameterization.preprocessing import Preprocessing
    from slimdc.storage import FileReport

__all__ = ["add"]

_BAR = 30
# A table of more lines is a list of numbers, which --json gives.
_MOST_LINES, _FIRST_LINES = 24, 10


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    from slimdc.storage.foreign import NAMES

    command.add_argument(
        "file",
        type=set_or_folder,
        metavar="FILE",
        help="a slimmable file or its URL, or a set as others publish it: a file or a folder",
    )
    command.add_argument(
        "--check",
        action="store_true",
        help="build the set as well, and of a URL read all: without it a file's components are "
        "compared with their digests, and of a URL the header alone is read",
    )
    completed(
        command.add_argument(
            "--format",
            default="auto",
            metavar="NAME",
            help=f"what FILE must be: {', '.join(NAMES)} (default: %(default)s, what it fits)",
        ),
        ("auto", *NAMES),
    )
    add_foreign(command)
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from slimdc.storage import inspect

    report = inspect(
        options.file,
        depth="set" if options.check else None,
        format=options.format,
        experiment=options.experiment,
        factor=options.factor,
        classes=options.classes,
    )
    answer(options, "\n".join(_lines(report)), report.to_dict())
    if report.damaged or report.problem or report.whole == 0:
        raise FileError(report.name, report.verdict, "a file as it was written")


def _lines(report: FileReport) -> Iterator[str]:
    known = report.description
    cut = report.whole is not None and report.whole < report.components
    size = "" if report.nbytes is None else f", {report.nbytes:,} bytes{' if whole' * cut}"
    own = f"a slimmable file, version {report.version}"
    yield f"{report.name}: {own if report.version else f'a set of format {report.format}'}{size}"
    yield ""
    shape = "x".join(map(str, known.shape))
    layout = known.layout.replace("_", " ")
    yield f"samples        {sum(known.samples):,} of {shape}, {layout}, {known.dtype}"
    yield f"classes        {len(known.labels)}: {_labels(known.labels)}"
    if known.names is not None:
        yield f"names          {_listed(known.names)}"
    yield f"per class      {_counts(known.samples)} samples, {_counts(known.components)} components"
    entries = report.label_entries
    yield f"labels         rows of {entries} {'entry' if entries == 1 else 'entries'}"
    kind = "samples as they are" if report.rows else "directions"
    yield f"components     {kind}, {_stored(report)}"
    space = _space(known.preprocessing) if report.space_said else "not said by the file"
    yield f"preprocessing  {space}"
    if known.preprocessing.whitening is not None:
        name = known.preprocessing.matrix_name
        where = "beside the file" if Path(report.name).with_name(name).exists() else "not found"
        yield f"               its matrix is kept apart, in {name}: {where}"
    if known.order is not None:
        yield "order          rows did not come class by class, and the order is kept"
    yield f"state          {_state(report)}"
    yield ""
    yield from _spectrum(report)


def _labels(labels: tuple[int, ...]) -> str:
    if labels == tuple(range(len(labels))):
        return f"labels 0 to {labels[-1]}" if len(labels) > 1 else "label 0"
    shown = " ".join(map(str, labels[:_MOST_LINES]))
    return f"labels {shown}{' …' if len(labels) > _MOST_LINES else ''}"


def _listed(names: tuple[str, ...]) -> str:
    """Give the names with their labels' order, and of many the first."""
    rest = len(names) - _MOST_LINES
    return ", ".join(names[:_MOST_LINES]) + (f", and {rest} more" if rest > 0 else "")


def _counts(counts: tuple[int, ...]) -> str:
    """Give one number where all are equal, else both ends, and the list where it is short."""
    if len(set(counts)) == 1:
        return f"{counts[0]:,}"
    several = f" ({' '.join(map(str, counts))})" if len(counts) <= _MOST_LINES // 2 else ""
    return f"{min(counts):,} to {max(counts):,}{several}"


def _stored(report: FileReport) -> str:
    if report.stored == "codes":
        return f"in few bits: {report.bits:.3g} for each number on average"
    foreign = "as a slimmable file " if report.version is None else ""
    return f"{foreign}in {report.stored}: {report.bits:.0f} bits for each number"


def _space(preprocessing: Preprocessing) -> str:
    from slimdc.parameterization.preprocessing import ImageNorm, Standardisation

    told = []
    for step in preprocessing.steps:
        if isinstance(step, Standardisation):
            if step != Standardisation():
                mean, std = (_few(numbers) for numbers in (step.mean, step.std))
                told.append(f"(x - mean) / std, mean {mean}, std {std}")
        elif isinstance(step, ImageNorm):
            told.append("each image divided by its norm")
        else:
            told.append(f"whitened (ZCA, fitted to data of SHA-256 {step.data[:12]}…)")
    return ", then ".join(told) or "none"


def _few(numbers: tuple[float, ...]) -> str:
    shown = " ".join(f"{x:.4g}" for x in numbers[:3])
    return f"{shown} …" if len(numbers) > 3 else shown


def _state(report: FileReport) -> str:
    verdict = report.verdict
    if verdict == "ok":
        built = ", and the set can be built" if report.depth == "set" else ""
        return f"whole: every component matches its digest{built}"
    if verdict != "not compared":
        return verdict
    if report.version in (None, "1"):
        return "read; files of this kind hold no digests"
    return "the header alone was read; --check compares all with the digests"


def _spectrum(report: FileReport) -> Iterator[str]:
    """Lay out what each prefix costs, and the share of s² that each component adds."""
    energy = report.energy or ()
    width = len(f"{report.prefixes[-1]:,}")
    yield f"  k  {'bytes':>{width}}   share of Σ s² (all classes)" if energy else "  k  bytes"
    for j in _shown(report.components):
        line = f"{j + 1:>3}  {report.prefixes[j]:>{width},}"
        if j < len(energy):
            bar = "#" * round(_BAR * energy[j] / max(energy))
            line += f"   {100 * energy[j]:5.1f} %  {bar}".rstrip()
        elif energy:
            line += "       -"
        yield line
    if report.version is None:
        yield "(bytes are those of the slimmable file that `slimdc convert` writes)"


def _shown(count: int) -> list[int]:
    if count <= _MOST_LINES:
        return list(range(count))
    rows = list(range(_FIRST_LINES))
    while rows[-1] * 3 // 2 < count - 1:
        rows.append(rows[-1] * 3 // 2)
    return [*rows, count - 1]
