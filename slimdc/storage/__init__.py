"""Files: sets in safetensors, written whole or not at all."""

from slimdc.storage.slimmable_file import load, save

__all__ = ["load", "save"]
