"""Which page of the documentation helps with an error: the one place that knows."""

from __future__ import annotations

import re

__all__ = ["ARGUMENTS", "FILES", "KINDS", "page_for", "without_page"]

# What an error is, where neither its argument nor its file has a page of its own.
KINDS = {
    "FileError": "docs/errors.md#fileerror",
    "InvalidTypeError": "docs/errors.md#invalidtypeerror",
    "InvalidValueError": "docs/errors.md#invalidvalueerror",
    "MissingBackendError": "docs/install.md#backends",
    "MissingLibraryError": "docs/install.md#other-extras",
    "NumericalError": "docs/errors.md#numericalerror",
}
_ANY = "docs/errors.md"
_OF_NO_ARGUMENT = ("MissingBackendError", "MissingLibraryError", "NumericalError")

# A page and the arguments that it explains. Each is found on its page under this very name.
_EXPLAINED = {
    "docs/backends.md#what-is-composed": "padding stride weight window",
    "docs/bytes.md": "bits codes k keep nbytes start",
    "docs/chains.md": "chains results slim_by",
    "docs/choosing.md": "backend compiled device dtype precision tf32",
    "docs/errors.md#samples-and-labels": """
        data labels samples shape x x_test x_train y y_test y_train
    """,
    "docs/errors.md#a-run": "history ipc progress seed steps",
    "docs/formats.md": "experiment factor format path",
    "docs/install.md#data": "SLIMDC_DATA root size",
    "docs/large.md": "executor shards",
    "docs/math.md": "after before kept s w",
    "docs/meeting.md": "classes entries names sets to",
    "docs/methods.md": "method preset",
    "docs/networks.md": "depth network norm width",
    "docs/parallel.md": "checkpoint distributed",
    "docs/preprocessing.md": "preprocessed preprocessing recipe",
    "docs/protocols.md": "augmentation epochs optimizer protocol schedule",
    "docs/reading.md": "form ridge",
    "docs/replay.md": "buffer components state",
}
ARGUMENTS = {name: page for page, names in _EXPLAINED.items() for name in names.split()}

# What the name of a file says of its kind; the first that fits.
FILES = {
    ".safetensors": "docs/format.md",
    ".npz": "docs/formats.md",
    ".pt": "docs/formats.md",
    ".pth": "docs/formats.md",
    ".parquet": "docs/formats.md",
    "-ubyte": "docs/install.md#data",
    "cifar-10": "docs/install.md#data",
    ".jsonl": "docs/chains.md#the-folder",
}

# `data` of "data", of "--data", of "data[0]" and of "data.path", but of no other text.
_ROOT = re.compile(r"(?:--)?([A-Za-z_]+)(?=$|[.\[])")
_PAGE = re.compile(r" \(see docs/[^ )]*\)")


def page_for(kind: str, argument: str) -> str:
    """Find the page that helps with an error of a class about an argument or a file.

    Examples
    --------
    >>> page_for("InvalidValueError", "k")
    'docs/bytes.md'
    >>> page_for("FileError", "images/set.npz")
    'docs/formats.md'
    >>> page_for("MissingLibraryError", "path")
    'docs/install.md#other-extras'
    """
    found = None
    if kind == "FileError":
        found = next((page for part, page in FILES.items() if part in argument), None)
        # A file may bear the name of an argument, and then be of another kind.
        found = found or (None if "." in argument else _of_argument(argument))
    elif kind not in _OF_NO_ARGUMENT:
        found = _of_argument(argument)
    return found or KINDS.get(kind, _ANY)


def without_page(text: str) -> str:
    """Take the pages out of what is told of another error: one page is enough for one.

    Examples
    --------
    >>> without_page("a damaged set (k: found 0, expected 1 (see docs/bytes.md))")
    'a damaged set (k: found 0, expected 1)'
    """
    return _PAGE.sub("", text)


def _of_argument(argument: str) -> str | None:
    root = _ROOT.match(argument)
    return ARGUMENTS.get(root[1]) if root else None
