"""Methods of slimming and condensing, one file each: what a set is trained for."""

__all__ = []
