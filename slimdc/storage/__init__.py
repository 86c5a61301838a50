"""Files: sets in safetensors, written whole or not at all, and in the formats of others."""

from slimdc.storage.foreign import read, write
from slimdc.storage.slimmable_file import load, save

__all__ = ["load", "read", "save", "write"]
