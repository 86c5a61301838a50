"""What a slimmable file says of its set, whatever is cut off of it: one short JSON text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from slimdc._checks import one_of, positive, shown, truth, whole_number, whole_numbers
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization import Description, Preprocessing, SlimmableDataset
from slimdc.parameterization.description import class_names
from slimdc.parameterization.quantization import Codes
from slimdc.storage.json_text import compact, plain_json
from slimdc.typing import FloatDtype, Layout

__all__ = ["Said"]

_KEYS = frozenset(
    {"shape", "layout", "preprocessing", "dtype", "classes", "labels", "entries", "samples"}
    | {"order", "shared", "step", "label_step", "rows", "factors", "names"}
)
_SHARED = ("", "u", "s", "us")


@dataclass(frozen=True)
class Said:
    """What is known about a set but for how many components each class holds.

    Parameters
    ----------
    shape, layout, preprocessing, dtype, labels : see `Description`
    entries : int
        Entries c of a label row.
    samples : tuple of int, or None
        Rows of each class; None where rows are components.
    order : tuple of int, or None
        As in `Description`; always None where rows are components.
    shared : str
        Which of U ("u") and s ("s") all classes share.
    codes : Codes or None
        The steps of a set of few bits, without its components.
    factors : str
        What the factors of a set of few bits are computed in, "float32" or "float64".
    names : tuple of str or None
        As in `Description`.
    """

    shape: tuple[int, ...]
    layout: Layout
    preprocessing: Preprocessing
    dtype: FloatDtype
    labels: tuple[int, ...]
    entries: int
    samples: tuple[int, ...] | None
    order: tuple[int, ...] | None = None
    shared: str = ""
    codes: Codes | None = None
    factors: str = "float32"
    names: tuple[str, ...] | None = None

    @property
    def rows(self) -> bool:
        """Whether components are rows, U = I."""
        return self.codes is not None and self.codes.rows

    @property
    def size(self) -> int:
        """Values of one sample, d."""
        return math.prod(self.shape)

    @classmethod
    def of(cls, data: SlimmableDataset) -> Said:
        """Collect what there is to say of a set."""
        known, codes = data.description, data.codes
        rows = codes is not None and codes.rows
        blocks = zip("us", data.factors, strict=False)
        shared = "".join(name for name, x in blocks if x.shape[0] < data.classes)
        return cls(
            known.shape,
            known.layout,
            known.preprocessing,
            known.dtype,
            known.labels,
            data.label_entries,
            None if rows else known.samples,
            None if rows else known.order,
            "" if codes is not None else shared,
            None if codes is None else codes.truncated(0),
            "float32" if codes is None else data.factor_dtype,
            known.names,
        )

    def text(self) -> str:
        """Write it, without what is as it mostly is."""
        classes = len(self.labels)
        plain: dict[str, Any] = {"shape": self.shape}
        if self.layout == "channels_first":
            plain["layout"] = self.layout
        if self.preprocessing != Preprocessing():
            plain["preprocessing"] = self.preprocessing.to_dict()
        if self.dtype != "float32":
            plain["dtype"] = self.dtype
        if self.labels == tuple(range(classes)):
            plain["classes"] = classes
        else:
            plain["labels"] = self.labels
        if self.entries != classes:
            plain["entries"] = self.entries
        if self.samples is not None:
            even = len(set(self.samples)) == 1
            plain["samples"] = self.samples[0] if even else self.samples
        if self.order is not None:
            plain["order"] = self.order
        if self.shared:
            plain["shared"] = self.shared
        if self.codes is not None:
            plain["step"], plain["label_step"] = self.codes.step, self.codes.label_step
            if self.codes.rows:
                plain["rows"] = True
            if self.factors != "float32":
                plain["factors"] = self.factors
        if self.names is not None:
            plain["names"] = self.names
        return compact(plain)

    @classmethod
    def read(cls, text: str, most_classes: int) -> Said:
        """Undo `text`.

        Parameters
        ----------
        text : str
            What a file says.
        most_classes : int
            No set has more: a number is not believed that would fill the memory.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            It is nothing that `text` writes.
        """
        plain = plain_json("set", text)
        if not isinstance(plain, dict) or not set(plain) <= _KEYS or "shape" not in plain:
            raise InvalidValueError("set", shown(text), "what save writes")
        shape = whole_numbers("shape", plain["shape"], at_least=1)
        codes = _codes(plain)
        labels = _labels(plain, most_classes)
        entries = plain.get("entries", len(labels))
        shared = plain.get("shared", "")
        one_of("shared", shared, _SHARED)
        said = cls(
            shape,
            plain.get("layout", "flat" if len(shape) == 1 else "channels_last"),
            Preprocessing.from_dict(plain.get("preprocessing", Preprocessing().to_dict())),
            plain.get("dtype", "float32"),
            labels,
            whole_number("entries", entries, at_least=1, at_most=2**31),
            _samples(plain, len(labels), rows=codes is not None and codes.rows),
            whole_numbers("order", plain["order"], at_least=0) if "order" in plain else None,
            shared,
            codes,
            plain.get("factors", "float32"),
            class_names(plain["names"], len(labels)) if "names" in plain else None,
        )
        one_of("factors", said.factors, ("float32", "float64"))
        if max(labels) >= said.entries:
            raise InvalidValueError("labels", shown(labels), f"labels below {said.entries}")
        if (said.order is not None and said.rows) or (shared and (codes or len(labels) == 1)):
            raise InvalidValueError("set", shown(text), "what save writes")
        return said

    def description(self, held: tuple[int, ...], order: tuple[int, ...] | None) -> Description:
        """Describe the set with so many components in each class.

        Parameters
        ----------
        held : tuple of int
            Components of each class.
        order : tuple of int or None
            Of the rows, where these are components.
        """
        return Description(
            self.shape,
            self.layout,
            self.preprocessing,
            self.dtype,
            self.labels,
            held if self.samples is None else self.samples,
            held,
            order if self.samples is None else self.order,
            self.names,
        )


def _labels(plain: dict[str, Any], most: int) -> tuple[int, ...]:
    if ("classes" in plain) == ("labels" in plain):
        raise InvalidValueError("set", "not one of classes and labels", "one of them")
    if "labels" in plain:
        labels = whole_numbers("labels", plain["labels"], at_least=0)
        whole_number("labels", len(labels), at_least=1, at_most=most)
        return labels
    return tuple(range(whole_number("classes", plain["classes"], at_least=1, at_most=most)))


def _samples(plain: dict[str, Any], classes: int, *, rows: bool) -> tuple[int, ...] | None:
    if rows != ("samples" not in plain):
        raise InvalidValueError("samples", "rows and samples, or neither", "one of them")
    if rows:
        return None
    found = plain["samples"]
    if isinstance(found, int):
        found = [found] * classes
    return whole_numbers("samples", found, at_least=1)


def _codes(plain: dict[str, Any]) -> Codes | None:
    present = [name in plain for name in ("step", "label_step")]
    if any(present) != all(present) or (not any(present) and {"rows", "factors"} & set(plain)):
        raise InvalidValueError("set", f"only {shown(sorted(plain))}", "step and label_step")
    if not any(present):
        return None
    steps = [plain[name] for name in ("step", "label_step")]
    if not all(isinstance(step, float) for step in steps):
        raise InvalidTypeError("step", shown(steps), "two floats")
    rows = truth("rows", plain.get("rows", False))
    step, label_step = (positive("step", step) for step in steps)
    return Codes(step, label_step, rows, ())
