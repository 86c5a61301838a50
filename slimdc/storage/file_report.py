"""What `inspect` says of a file: what it holds, what a prefix of it costs, whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from slimdc.parameterization import Description

__all__ = ["Depth", "FileReport"]

Depth = Literal["header", "components", "set"]


@dataclass(frozen=True)
class FileReport:
    """Report of `slimdc.storage.inspect`.

    Parameters
    ----------
    name : str
        The file.
    format : str
        "slimdc", or the format of a peer; see `slimdc.read`.
    version : str or None
        Of the slimmable file; None for a format of others.
    depth : {"header", "components", "set"}
        How far it was read.
    nbytes : int or None
        Bytes of the file as its header says, or of a peer's file; None for a folder.
    description : Description
        Shape, layout, preprocessing, labels, samples and components.
    label_entries : int
        Entries c of a label row.
    stored : {"float32", "float64", "codes"}
        What a component is made of.
    rows : bool
        Whether components are samples as they are, rather than directions.
    numbers : int
        Numbers that the factors consist of; see `SlimmableDataset.numbers`.
    prefixes : tuple of int
        Bytes up to the end of each component: what ``load(..., k=1)``, ``k=2``, … read. For a
        format of others, of the slimmable file that `slimdc.save` would write.
    component_bytes : int
        Bytes of all components, without the header.
    space_said : bool
        Whether the file says in which space its samples live; see `slimdc.read`.
    whole : int or None
        Components that the file holds wholly; fewer than there are where it was cut. None where
        the header alone was read and does not tell.
    damaged : tuple of int or None
        Components, from 0, that do not match their digests; None where these were not compared.
    energy : tuple of float or None
        Share of each component in Σ s² over all classes, of those before the first that is damaged
        or cut off; None where the header alone was read.
    problem : str
        What else is wrong with the file; empty where nothing is known to be.

    Examples
    --------
    >>> import numpy as np, slimdc
    >>> data = slimdc.SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
    >>> report = slimdc.storage.inspect(slimdc.dumps(data))
    >>> report.components, report.stored, report.verdict
    (2, 'float64', 'ok')
    """

    name: str
    format: str
    version: str | None
    depth: Depth
    nbytes: int | None
    description: Description
    label_entries: int
    stored: Literal["float32", "float64", "codes"]
    rows: bool
    numbers: int
    prefixes: tuple[int, ...]
    component_bytes: int
    space_said: bool = True
    whole: int | None = None
    damaged: tuple[int, ...] | None = None
    energy: tuple[float, ...] | None = None
    problem: str = ""

    @property
    def components(self) -> int:
        """Components of the largest class."""
        return max(self.description.components)

    @property
    def bits(self) -> float:
        """Bits for each number, on average, without the header."""
        return 8 * self.component_bytes / self.numbers

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be cut off, damaged or wrong."""
        return not (self.problem or self.damaged) and self.whole in (None, self.components)

    @property
    def verdict(self) -> str:
        """What is known of the file's state, in a few words."""
        found = [self.problem] if self.problem else []
        if self.damaged:
            first = self.damaged[0]
            names = ", ".join(map(str, self.damaged))
            rest = f"the first {first} can be read, by k={first}" if first else "none can be read"
            match = "matches its digest" if len(self.damaged) == 1 else "match their digests"
            found.append(f"damaged: component {names} (from 0) no longer {match}; {rest}")
        if self.whole is not None and self.whole < self.components:
            found.append(f"cut: {self.whole} of {self.components} components are whole")
        if found:
            return "; ".join(found)
        return "not compared" if self.damaged is None else "ok"

    def to_dict(self) -> dict[str, Any]:
        """Give all of it in plain numbers and texts, as for JSON.

        Examples
        --------
        >>> import numpy as np, slimdc
        >>> data = slimdc.SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
        >>> slimdc.storage.inspect(slimdc.dumps(data)).to_dict()["shape"]
        [4]
        """
        known = self.description
        energy = self.energy or ()
        return {
            "file": self.name,
            "format": self.format,
            "version": self.version,
            "nbytes": self.nbytes,
            "component_nbytes": self.component_bytes,
            "stored": self.stored,
            "components_are": "rows" if self.rows else "directions",
            "bits": self.bits,
            "numbers": self.numbers,
            "classes": len(known.labels),
            "labels": list(known.labels),
            "names": None if known.names is None else list(known.names),
            "label_entries": self.label_entries,
            "samples": list(known.samples),
            "components": list(known.components),
            "shape": list(known.shape),
            "layout": known.layout,
            "dtype": known.dtype,
            "preprocessing": known.preprocessing.to_dict() if self.space_said else None,
            "reordered": known.order is not None,
            "prefixes": [
                {"k": j + 1, "nbytes": n, "energy": energy[j] if j < len(energy) else None}
                for j, n in enumerate(self.prefixes)
            ],
            "read": self.depth,
            "whole_components": self.whole,
            "damaged_components": None if self.damaged is None else list(self.damaged),
            "problem": self.problem or None,
            "verdict": self.verdict,
        }
