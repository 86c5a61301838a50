"""Labels: classes as integers, and the rows of numbers that networks are trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slimdc._array import HostArray, as_array, dtype_name, to_numpy
from slimdc._checks import MOST, whole_number
from slimdc.errors import InvalidTypeError, InvalidValueError

__all__ = ["centred_one_hot", "class_indices", "label_rows"]


def centred_one_hot(labels: HostArray, classes: int) -> NDArray[np.float64]:
    """Turn class labels into centred one-hot rows, ``(onehot - 1/c) / sqrt(c/10)``.

    The scale is that of FRePo (Zhou et al., 2022), on which the paper builds: rows sum to zero,
    and ten classes have scale 1.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
        Classes, each from 0 to ``classes - 1``.
    classes : int
        Number c of classes.

    Returns
    -------
    numpy.ndarray of float64, shape (n, classes)
        One row for each label.

    Raises
    ------
    InvalidTypeError
        The labels are not integers.
    InvalidValueError
        A label is negative or not below `classes`, or the labels are not one-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> centred_one_hot(np.asarray([1, 0]), 2).round(3).tolist()
    [[-1.118, 1.118], [1.118, -1.118]]
    """
    indices = class_indices(labels, "labels")
    if indices.size and int(indices.max()) >= classes:
        raise InvalidValueError(
            "labels", found=f"label {int(indices.max())}", expected=f"labels below {classes}"
        )
    rows = np.full((indices.size, classes), -1.0 / classes)
    rows[np.arange(indices.size), indices] += 1.0
    return np.asarray(rows / np.sqrt(classes / 10.0), dtype=np.float64)


def class_indices(y: Any, argument: str = "y") -> NDArray[np.int64]:
    """Read class labels as host integers.

    Parameters
    ----------
    y : array_like of int, shape (n,)
        Class labels, in any framework.
    argument : str
        Name to blame in an error message.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        A copy.

    Raises
    ------
    InvalidTypeError
        The labels are not integers (booleans are not either).
    InvalidValueError
        A label is negative, or the labels are not one-dimensional.

    Examples
    --------
    >>> class_indices([2, 0]).tolist()
    [2, 0]
    """
    y = as_array(y, argument)
    if "int" not in dtype_name(y):
        raise InvalidTypeError(
            argument, found=f"labels of dtype {dtype_name(y)}", expected="integer labels"
        )
    host = to_numpy(y, argument)
    if host.ndim != 1:
        raise InvalidValueError(
            argument, found=f"labels of shape {host.shape}", expected="one label for each sample"
        )
    for label in (host.min(), host.max()) if host.size else ():
        if not 0 <= label <= np.iinfo(np.int64).max:
            raise InvalidValueError(
                argument, found=f"label {label}", expected="labels from 0 upwards, of 64 bits"
            )
    return host.astype(np.int64)


def label_rows(
    y: Any, samples: int, classes: int | None = None, members: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read labels of a pair: rows of numbers, and the class that each row belongs to.

    Parameters
    ----------
    y : array_like
        Either classes as integers, shape (n,), which become centred one-hot rows, or soft rows,
        shape (n, c), which are taken as they are.
    samples : int
        Number n of samples that there must be labels for.
    classes : int, optional
        Number c of classes. By default the length of a row, or the largest label plus one, and
        then every class must have a sample.
    members : array_like of int, shape (n,), optional
        Class of each soft row. By default that of its largest entry (the first of equal ones).

    Returns
    -------
    rows : numpy.ndarray of float64, shape (n, c)
        Labels as rows.
    members : numpy.ndarray of int64, shape (n,)
        Class of each row, from 0 to c - 1.

    Raises
    ------
    InvalidTypeError
        The labels are not real numbers, or classes are not integers.
    InvalidValueError
        Numbers do not match, a value is not finite, a label is outside `classes`, a class that
        should have a sample has none, or soft rows have a single entry and nothing says that this
        is meant.

    Examples
    --------
    >>> rows, members = label_rows([[0.9, 0.1], [0.2, 0.8]], 2)
    >>> members.tolist()
    [0, 1]
    """
    if classes is not None:
        classes = whole_number("classes", classes, at_least=1, at_most=MOST)
    y = as_array(y, "y")
    if y.ndim not in (1, 2):
        raise InvalidValueError(
            "y", found=f"shape {tuple(y.shape)}", expected="shape (n,) or (n, c)"
        )
    if y.shape[0] != samples:
        raise InvalidValueError(
            "y", found=f"{y.shape[0]} labels", expected=f"one for each of {samples} samples"
        )
    if y.ndim == 1:
        if members is not None:
            raise InvalidValueError("members", "classes beside labels that are classes", "None")
        return _hard_rows(class_indices(y), classes)
    rows = _soft_rows(y, classes, single_entries=classes == 1 or members is not None)
    if members is None:
        return rows, np.argmax(rows, axis=1).astype(np.int64)
    return rows, _members(members, rows)


def _hard_rows(
    members: NDArray[np.int64], classes: int | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    count = int(members.max()) + 1 if classes is None else classes
    if int(members.max()) >= count:
        raise InvalidValueError(
            "y", found=f"label {int(members.max())}", expected=f"labels below {count}"
        )
    if classes is None:
        _check_every_class(members, count)
    if members.size * count > MOST:  # 16 GiB of label rows
        raise InvalidValueError(
            "classes", f"{count} for {members.size} samples", f"at most {MOST} values in label rows"
        )
    return centred_one_hot(members, count), members


def _soft_rows(y: Any, classes: int | None, *, single_entries: bool) -> NDArray[np.float64]:
    name = dtype_name(y)
    if "int" not in name and "float" not in name:
        raise InvalidTypeError("y", found=f"labels of dtype {name}", expected="real numbers")
    count = y.shape[1]
    if count == 1 and ("int" in name or not single_entries):
        # A column of class labels would otherwise pass as soft rows of a single class.
        hint = "" if "int" in name else ", or classes=1 where a row has one entry"
        raise InvalidValueError(
            "y",
            found=f"{name} labels of shape {tuple(y.shape)}",
            expected=f"integers of shape (n,), without a 1{hint}",
        )
    if count == 0 or (classes is not None and classes != count):
        raise InvalidValueError(
            "y", found=f"rows of {count} entries", expected=f"{classes or 'at least 1'} entries"
        )
    rows = to_numpy(y, "y").astype(np.float64)
    if not np.isfinite(rows).all():
        raise InvalidValueError("y", found="NaN or infinite labels", expected="finite numbers")
    return rows


def _members(given: Any, rows: NDArray[np.float64]) -> NDArray[np.int64]:
    members = class_indices(given, "members")
    samples, classes = rows.shape
    if members.size != samples:
        raise InvalidValueError(
            "members", found=f"{members.size} classes", expected=f"one for each of {samples} rows"
        )
    if int(members.max()) >= classes:
        raise InvalidValueError(
            "members", found=f"class {members.max()}", expected=f"classes below {classes}"
        )
    return members


def _check_every_class(members: NDArray[np.int64], classes: int) -> None:
    # Not bincount over the labels as they come: one label of 10**12 must not take the memory.
    present = np.unique(members)
    if present.size < classes:
        gaps = np.flatnonzero(present != np.arange(present.size))
        missing = int(gaps[0]) if gaps.size else present.size
        raise InvalidValueError(
            "y",
            found=f"no sample of class {missing}",
            expected=f"samples of all {classes} classes, which are numbered from 0, or "
            f"classes={classes} where some have none",
        )
