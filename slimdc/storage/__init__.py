"""Files: sets in safetensors, written whole or not at all, and in the formats of others."""

from slimdc.storage.file_report import FileReport
from slimdc.storage.file_truncation import Truncated, truncate_file
from slimdc.storage.foreign import read, write
from slimdc.storage.inspection import inspect
from slimdc.storage.slimmable_file import dumps, load, loads, save

__all__ = [
    "FileReport",
    "Truncated",
    "dumps",
    "inspect",
    "load",
    "loads",
    "read",
    "save",
    "truncate_file",
    "write",
]
