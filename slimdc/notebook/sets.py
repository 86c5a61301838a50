"""A set in a notebook: samples, what it costs, and its spectrum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from slimdc._array import library_of, to_numpy
from slimdc._checks import shown
from slimdc._png import as_source
from slimdc.notebook.curves import spectrum
from slimdc.notebook.page import card, facts, shown_or_text
from slimdc.notebook.thumbnails import Thumbnails, thumbnails
from slimdc.parameterization.preprocessing import ImageNorm, Standardisation, Whitening

if TYPE_CHECKING:
    from slimdc.parameterization import SlimmableDataset

__all__ = ["page_of", "set_as_html"]


def set_as_html(data: SlimmableDataset) -> str:
    """Show a set as HTML that needs nothing beside itself, or as text where that fails.

    Parameters
    ----------
    data : SlimmableDataset
        Any set.

    Returns
    -------
    str
        Less than 100 kB.

    Examples
    --------
    >>> from slimdc import SlimmableDataset
    >>> set_as_html(SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1])).count("<svg")
    1
    """
    return shown_or_text(lambda: page_of(data), lambda: str(data))


def page_of(data: SlimmableDataset) -> str:
    """Show a set as HTML; errors go to the caller."""
    with np.errstate(all="ignore"):
        pictures = thumbnails(data)
        s = np.nan_to_num(to_numpy(data._held.factors.s).astype(np.float64))
        curve = spectrum(s, data.components)
    head = (
        f"<b>{escape(type(data).__name__)}</b> "
        f'<span class="slimdc-soft">{escape(_in_short(data))}</span>'
    )
    drawn = (
        f'<div class="slimdc-row"><div style="flex:1 1 280px">{facts(_facts(data))}</div>'
        f'<figure style="margin-top:8px;width:240px">{curve}<figcaption class="slimdc-soft">'
        f"{escape(_of_spectrum(data, s))}</figcaption></figure></div>"
    )
    return card(head, _pictures(data, pictures), drawn)


def _in_short(data: SlimmableDataset) -> str:
    shape = " × ".join(map(str, data.shape))
    return " · ".join(
        (
            f"{_counted(len(data), 'sample')} of {shape}",
            _counted(data.classes, "class", "classes"),
            f"k = {_range(data.components)}",
            _counted(data.nbytes, "byte"),
        )
    )


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _facts(data: SlimmableDataset) -> Iterator[tuple[str, str]]:
    held = data._held
    bits = 8 * data.nbytes / max(data.numbers, 1)
    coded = data.codes is not None
    yield "bytes", f"{data.nbytes:,}" + ("" if coded else f", as {data.factor_dtype}")
    yield "bits per number", f"{bits:.2f}, entropy coded" if coded else f"{bits:.0f}"
    yield "components k", _range(data.components)
    yield "samples per class", _range(data.samples)
    yield "classes", _listed(data.labels)
    if data.names is not None:
        yield "names", shown(data.names)
    yield "label entries", f"{data.label_entries:,}"
    yield "layout", data.layout
    yield "preprocessing", " → ".join(map(_step, data.preprocessing.steps))
    library, device = library_of(held.factors.u)
    yield "factors", f"{data.factor_dtype}, {library}" + (f" on {device}" if device else "")
    yield "arrays()", data.dtype
    if held.reason:
        yield "bits chosen", held.reason


def _pictures(data: SlimmableDataset, found: Thumbnails) -> str:
    missing = data.classes - len(found.classes)
    said = [f"the first {len(found.classes)} of {data.classes:,} classes"] if missing else []
    if found.note:
        said.append(found.note)
    if data.layout == "flat":
        said.insert(0, "first sample of each class, a line for each")
        (strip,) = found.pixels
        height = min(14 * len(strip), 160)
        tiles = (
            f'<div class="slimdc-strip" style="margin-top:10px"><img src="{as_source(strip)}" '
            f'style="height:{height}px" alt="samples as lines"></div>'
        )
    else:
        tiles = "".join(
            f'<figure><img src="{as_source(image)}" alt="a sample of class {escape(name)}">'
            f'<figcaption class="slimdc-soft">{escape(name)}</figcaption></figure>'
            for image, name in zip(found.pixels, found.classes, strict=True)
        )
        tiles = f'<div class="slimdc-tiles">{tiles}</div>'
    note = "; ".join(said)
    return tiles + (f'<div class="slimdc-soft">{escape(note)}</div>' if note else "")


def _of_spectrum(data: SlimmableDataset, s: np.ndarray) -> str:
    last = f"s 1 to {data.components_per_class:,}" if data.components_per_class > 1 else " 1"
    several = ", mean and range of classes" if len(s) > 1 else ""
    return f"|s| of component{last}{several}; at most {np.abs(s).max():.3g}"


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _listed(labels: tuple[int, ...]) -> str:
    if labels == tuple(range(len(labels))):
        return f"{len(labels):,}" + (f": 0 to {len(labels) - 1}" if len(labels) > 1 else ": 0")
    return f"{len(labels):,}: {shown(labels)}"


def _step(step: Standardisation | ImageNorm | Whitening) -> str:
    if isinstance(step, Standardisation):
        if set(step.mean) == {0.0} and set(step.std) == {1.0}:
            return "none"
        return f"mean {_numbers(step.mean)}, std {_numbers(step.std)}"
    if isinstance(step, ImageNorm):
        return "norm of each image"
    return "ZCA whitening" + (" (without its matrix)" if step.matrix is None else "")


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:3]) + (", …" if len(values) > 3 else "")
