"""Condensed sets as others publish them: read without executing anything, and written."""

from slimdc.storage.foreign.formats import FORMATS, NAMES, Format
from slimdc.storage.foreign.reading import read, recognised
from slimdc.storage.foreign.writing import write

__all__ = ["FORMATS", "NAMES", "Format", "read", "recognised", "write"]
