"""The errors that slimdc raises: each names the argument, what was found and what was expected.

Each ends with the page of the documentation that says more.
"""

from __future__ import annotations

from slimdc._pages import page_for, without_page

__all__ = [
    "FileError",
    "InvalidTypeError",
    "InvalidValueError",
    "MissingBackendError",
    "MissingLibraryError",
    "NumericalError",
    "SlimdcError",
    "SlimdcWarning",
]


class SlimdcError(Exception):
    """Base class of every error that slimdc raises on purpose.

    Parameters
    ----------
    argument : str
        Name of the argument (or file, or environment) that is at fault.
    found : str
        What was found there.
    expected : str
        What would have been accepted.
    see : str, optional
        The page that says more, such as ``"docs/bytes.md"``. Where None, the page of the
        argument, of the kind of file, or of the class of the error.

    Examples
    --------
    >>> str(InvalidValueError("k", found="0", expected="an int of at least 1"))
    'k: found 0, expected an int of at least 1 (see docs/bytes.md)'
    """

    def __init__(self, argument: str, found: str, expected: str, see: str | None = None) -> None:
        found, expected = without_page(found), without_page(expected)
        self.see = page_for(type(self).__name__, argument) if see is None else see
        # One string only: OSError would read three arguments as errno, strerror and filename.
        super().__init__(f"{argument}: found {found}, expected {expected} (see {self.see})")
        self.argument = argument
        self.found = found
        self.expected = expected

    def __reduce__(self) -> tuple[type[SlimdcError], tuple[str, str, str, str]]:
        return type(self), (self.argument, self.found, self.expected, self.see)


class InvalidValueError(SlimdcError, ValueError):
    """An argument of an accepted type has a value that cannot be used."""


class InvalidTypeError(SlimdcError, TypeError):
    """An argument has a type or a dtype that cannot be used."""


class FileError(SlimdcError, OSError):
    """A file is missing, unreadable, unwritable, truncated or not what it should be."""


class MissingBackendError(SlimdcError, ImportError):
    """A backend is unknown, or lacks its library or its hardware; the message names the remedy."""


class MissingLibraryError(SlimdcError, ImportError):
    """An optional library is not installed; the message names the command that installs it."""


class NumericalError(SlimdcError, ArithmeticError):
    """A computation left the range in which its result means anything."""


class SlimdcWarning(UserWarning):
    """Something was done in a way that the caller may not have meant."""
