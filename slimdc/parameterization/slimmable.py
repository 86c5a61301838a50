"""What is made of a set: fewer components, classes or bits, other labels, more samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np

from slimdc._checks import positive, shown
from slimdc.errors import InvalidTypeError, InvalidValueError
from slimdc.parameterization.decomposition import decompose
from slimdc.parameterization.held import coded, floats
from slimdc.parameterization.meeting import relabelled, selected
from slimdc.parameterization.quantization import quantized
from slimdc.parameterization.readable import ReadableSet
from slimdc.parameterization.truncation import components_after
from slimdc.parameterization.union import united

__all__ = ["Slimmable"]

T = TypeVar("T", bound="Slimmable")


class Slimmable(ReadableSet):
    """A set of which others are made; `SlimmableDataset` says how the first one is.

    Examples
    --------
    >>> from slimdc import SlimmableDataset
    >>> isinstance(SlimmableDataset.from_arrays(np.eye(2), [0, 1]), Slimmable)
    True
    """

    __slots__ = ()

    def truncate(self, k: int | Mapping[int, int]) -> Self:
        """Keep the k components of largest ``|s|`` of each class: learning-free slimming.

        Parameters
        ----------
        k : int or mapping of int to int
            Components to keep per class, at least 1; or of some classes, by their labels, where
            the others keep all. A class that holds fewer keeps them all, with a warning.

        Returns
        -------
        SlimmableDataset
            A copy with the same samples, of fewer components, in descending order of ``|s|``. A
            quantised set keeps its first k components as they are coded; where these are the
            samples themselves (`Codes.rows`), the others are gone.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `k` is no int, below 1, or above what every class holds, or names no class of the set.

        Warns
        -----
        SlimdcWarning
            Some classes hold fewer than `k`.

        Examples
        --------
        >>> import numpy as np
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays(np.diag([1.0, 2.0, 3.0]), [0, 0, 0])
        >>> data.truncate(2).s.round(6).tolist()
        [[3.0, 2.0]]
        >>> SlimmableDataset.from_arrays(np.eye(4), [0, 0, 1, 1]).truncate({1: 1}).components
        (2, 1)
        """
        kept = components_after(k, self.components, self.labels)
        return self._of(self._held.truncated(kept))

    def select(self, classes: Iterable[int]) -> Self:
        """Take some classes of the set, and leave the others out.

        Parameters
        ----------
        classes : iterable of int
            Labels of the classes, in any order; a label that comes twice counts once.

        Returns
        -------
        SlimmableDataset
            The blocks of these classes, to the bit, in ascending order of their labels. Label rows
            keep all their entries, and rows their order among those that stay (`order`). A
            quantised set stays one, at the same steps; its components may take a few bytes more or
            less than their share before.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            There is none, or one is no class of the set.

        Examples
        --------
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays(np.eye(5), [0, 2, 1, 2, 0])
        >>> some = data.select([2, 0])
        >>> some.labels, some.label_entries, some.members.tolist()
        ((0, 2), 3, [0, 0, 2, 2])
        """
        return self._of(selected(self._held, classes))

    def relabel(self, to: Sequence[int] | Mapping[int, int], entries: int | None = None) -> Self:
        """Move the entries of label rows, and the labels of the classes with them.

        So sets over different classes get one label space, and a set makes room for classes to
        come. Entries that are new are zero, and no row is centred anew: rows that sum to zero still
        do, but are not the centred one-hot rows of more classes. No change of V_y could make them
        so: it would add a constant to all rows of a class, which is in the span of the columns of
        U diag(s) by chance only. Where the number of all classes is known beforehand,
        ``from_arrays(..., classes=C)`` is the better way.

        Parameters
        ----------
        to : sequence of int, or mapping of int to int
            ``to[j]`` is where entry j goes, all of them different. A mapping holds those that move;
            others stay.
        entries : int, optional
            Entries of a row of the result; by default as few as hold them all.

        Returns
        -------
        SlimmableDataset
            The same samples, blocks in ascending order of their new labels; rows keep their order
            in the arrays that the set was made of. Of a quantised set it is one of floats, which
            are the same to the bit, since codes hold rows that are turned by a rotation of all
            entries; unless nothing moves.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `to` is none of these, is not of one number for each entry, or brings two entries to
            one place; or `entries` are too few for it.

        Examples
        --------
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays(np.eye(4), [0, 1, 0, 1])
        >>> moved = data.relabel([3, 2], entries=5)
        >>> moved.labels, moved.label_entries
        ((2, 3), 5)
        >>> data.relabel({1: 4}).labels
        (0, 4)
        """
        return self._of(relabelled(self._held, to, entries))

    def union(*sets: T) -> T:
        """Make one set of all samples of several: ``a.union(b)``, or of the class with any number.

        Entry j of a label row means class j in all of them (`relabel` brings them to that); rows
        of fewer entries are padded with zeros. A class that is in several is merged: its rows come
        in the order of the sets, and its components, which add up, side by side with a U that is
        block-diagonal, those of largest ``|s|`` first. So `truncate` keeps the most significant of
        all of them. They are not factored anew: where sets are alike, ``from_arrays`` of
        ``union(...).arrays()`` needs fewer components for as much.

        Parameters
        ----------
        *sets : SlimmableDataset
            One or more, of one shape, layout and preprocessing, in one framework, on one device
            and of one dtype of factors.

        Returns
        -------
        SlimmableDataset
            Blocks in ascending order of labels; factors to the bit, a U or s that classes share
            repeated for each. ``arrays("given")`` are those of the sets one after the other, in
            the widest `dtype` of theirs. It stays in codes where all sets are quantised with the
            same steps and entries and no class is merged, such as parts of one set that
            `select` made; otherwise it is one of floats.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            There is no set, or two differ in what they cannot differ in.

        Examples
        --------
        >>> from slimdc import SlimmableDataset
        >>> a = SlimmableDataset.from_arrays(np.eye(3), [0, 1, 1])
        >>> b = SlimmableDataset.from_arrays(np.ones((2, 3)), [1, 2], classes=3)
        >>> both = a.union(b)
        >>> both.labels, both.samples, both.components
        ((0, 1, 2), (1, 3, 1), (1, 3, 1))
        >>> SlimmableDataset.union(a, b, a).samples
        (2, 5, 1)
        """
        # Without self, as few or as many may be given as there are, on the class too.
        whole = united([_checked(f"sets[{i}]", data)._held for i, data in enumerate(sets)])
        return sets[0]._of(whole)

    @np.errstate(all="ignore")
    def append(self, x: Any, y: Any, members: Any = None) -> Self:
        """Add samples: the `union` with the set that `from_arrays` makes of them.

        Parameters
        ----------
        x : array_like, shape (n, ...)
            Samples in the layout of the set and in the space that it lives in; uint8 samples are
            raw pixels and go through its preprocessing.
        y : array_like, shape (n,) of int or (n, c)
            Classes of its label entries, or soft rows.
        members : array_like of int, shape (n,), optional
            Class of each soft row.

        Returns
        -------
        SlimmableDataset
            In the framework, on the device and in the dtypes of this set, its rows first. Of a
            quantised set it is one of floats.

        Raises
        ------
        InvalidTypeError, InvalidValueError, NumericalError
            As in `from_arrays`, or samples are not of the set's shape.

        Examples
        --------
        >>> from slimdc import SlimmableDataset
        >>> data = SlimmableDataset.from_arrays(np.eye(3), [0, 1, 1])
        >>> data.append([[1.0, 2.0, 3.0]], [0]).samples
        (2, 2)
        """
        given = x, y, self.label_entries, members, self.layout, self.preprocessing
        found, known = decompose(*given, dtype=self.factor_dtype)
        if known.shape != self.shape:
            raise InvalidValueError("x", f"samples of shape {known.shape}", f"{self.shape}")
        more = floats(found, replace(known, dtype=self.dtype), self._held.factors.u)
        return self._of(united([self._held, more]))

    @np.errstate(all="ignore")
    def quantize(self, bits: float) -> Self:
        """Round to so few bits: a lossy copy that takes up to 30 times fewer bytes than float32.

        Samples go through a cosine transform (images; flat vectors stay as they are) and are
        rounded to multiples of one step, so fine that everything together takes `bits` for each
        of the `numbers`; whole numbers are entropy coded. Components of little significance so
        get fewer bits than others, and high frequencies few or none. Coefficients and labels are
        fitted to the rounded rows.

        Parameters
        ----------
        bits : float
            Bits for each number of U, s, V_x and V_y, on average: more than 0 and at most 16, or
            32 for the factors as they are.

        Returns
        -------
        SlimmableDataset
            A copy in the namespace, dtype and device of the factors, with `codes`. Its factors
            are of their full precision, but stand for few bits: the samples are those that
            decoding gives, U is orthonormal, and components come in the order of this set.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            `bits` is no such number, or too few for scales and labels; the message says how many
            bytes the set takes at least.

        Examples
        --------
        >>> import numpy as np
        >>> from slimdc import SlimmableDataset
        >>> x = np.add.outer(np.arange(20.0), np.sin(np.arange(64.0))).reshape(20, 8, 8)
        >>> data = SlimmableDataset.from_arrays(x, np.arange(20) % 2)
        >>> few = data.quantize(4)
        >>> 8 * few.nbytes <= 4 * data.numbers
        True
        >>> bool(np.abs(few.arrays()[0] - data.arrays()[0]).max() < 0.2)
        True
        """
        bits = positive("bits", bits)
        if bits == 32:
            return self
        if bits > 16:
            raise InvalidValueError("bits", shown(bits), "more than 0 and at most 16, or 32")
        codes = quantized(self.host_factors(), self.description, bits, self.numbers)
        entries, dtype = self.label_entries, self.factor_dtype
        return self._of(coded(codes, self.description, entries, self._held.factors.u, dtype))


def _checked(name: str, data: object) -> Slimmable:
    if not isinstance(data, Slimmable):
        raise InvalidTypeError(name, type(data).__name__, "a SlimmableDataset")
    return data
