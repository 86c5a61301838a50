"""The formats that sets are published in: a table, one row for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slimdc.parameterization import SlimmableDataset
from slimdc.storage.foreign import npz_sets, parquet_set, picture_sets, torch_sets
from slimdc.storage.foreign.published import Asked, Published
from slimdc.typing import Layout

__all__ = ["FORMATS", "NAMES", "OWN_NAME", "Format"]

OWN_NAME = "slimdc"


@dataclass(frozen=True)
class Format:
    """How one of the peers holds a set.

    Parameters
    ----------
    told : str
        Whose, and what is in it.
    container : {"torch", "npz", "parquet", "pictures"}
        What its files are.
    fits : callable
        ``fits(content)``: whether an opened container holds such a set.
    take : callable
        ``take(content, asked)``: samples and labels of it, a `Published`.
    write : callable
        ``write(data, path)``.
    layout : {"channels_last", "channels_first"}
        Where its images have their channels.
    pixels : bool
        Its images are pixels, so that their space is known.
    packed : bool
        It may pack several samples in an image.
    several : bool
        It may hold several experiments.
    named : bool
        What is written there keeps the names of classes.

    Examples
    --------
    >>> FORMATS["idc"].pixels, FORMATS["vico"].pixels
    (True, False)
    """

    told: str
    container: str
    fits: Callable[[Any], bool]
    take: Callable[[Any, Asked], Published]
    write: Callable[[SlimmableDataset, Path], None]
    layout: Layout = "channels_first"
    pixels: bool = False
    packed: bool = False
    several: bool = False
    named: bool = False


FORMATS: dict[str, Format] = {
    "vico": Format(
        "DC, DSA, DM, FreD: a list of experiments, each images and classes",
        "torch",
        torch_sets.fits_vico,
        torch_sets.take_vico,
        torch_sets.write_vico,
        several=True,
    ),
    "mtt": Format(
        "MTT, SelMatch, HaBa: a folder of images_best.pt and labels_best.pt, classes",
        "torch",
        torch_sets.fits_mtt,
        torch_sets.take_mtt,
        torch_sets.write_mtt,
    ),
    "datm": Format(
        "DATM: as MTT's, with soft labels",
        "torch",
        torch_sets.fits_datm,
        torch_sets.take_datm,
        torch_sets.write_datm,
    ),
    "idc": Format(
        "IDC, DREAM, MDC: data.pt, a list of pixels and classes; factor=",
        "torch",
        torch_sets.fits_idc,
        torch_sets.take_idc,
        torch_sets.write_idc,
        pixels=True,
        packed=True,
    ),
    "kip": Format(
        "KIP: an archive of images, channels last, and labels",
        "npz",
        npz_sets.fits_kip,
        npz_sets.take_kip,
        npz_sets.write_kip,
        layout="channels_last",
    ),
    "rfad": Format(
        "RFAD: an archive of images, channels first, and labels",
        "npz",
        npz_sets.fits_rfad,
        npz_sets.take_rfad,
        npz_sets.write_rfad,
    ),
    "frepo": Format(
        "FRePo: an archive of image and label",
        "npz",
        npz_sets.fits_frepo,
        npz_sets.take_frepo,
        npz_sets.write_frepo,
        layout="channels_last",
    ),
    "sre2l": Format(
        "SRe2L: pictures in the folders new000, new001, …",
        "pictures",
        picture_sets.fits_sre2l,
        picture_sets.take_pictures,
        picture_sets.write_sre2l,
        layout="channels_last",
        pixels=True,
    ),
    "rded": Format(
        "RDED: pictures in the folders 00000, 00001, …; also in folders of any other names",
        "pictures",
        picture_sets.fits_rded,
        picture_sets.take_pictures,
        picture_sets.write_rded,
        layout="channels_last",
        pixels=True,
    ),
    "parquet": Format(
        "Hugging Face: a table with the columns image and label",
        "parquet",
        parquet_set.fits_parquet,
        parquet_set.take_parquet,
        parquet_set.write_parquet,
        layout="channels_last",
        pixels=True,
        named=True,
    ),
}

NAMES = (OWN_NAME, *FORMATS)
