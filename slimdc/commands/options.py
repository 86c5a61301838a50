"""Options that several commands take, so that they mean the same in all."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_computing", "add_data", "add_training", "file_argument"]

_SLIMMABLE = "a slimmable file, as slimdc.save writes it, or its URL"


def file_argument(command: argparse.ArgumentParser, name: str, metavar: str) -> None:
    """Add a set to read."""
    command.add_argument(name, type=_path_or_url, metavar=metavar, help=_SLIMMABLE)


def add_computing(command: argparse.ArgumentParser) -> None:
    """Add where it computes, and by which random numbers."""
    command.add_argument(
        "--backend", default="numpy", help="see `slimdc backends` (default: numpy)"
    )
    command.add_argument("--device", help="where it computes, such as cuda:0 (default: its own)")
    command.add_argument("--seed", type=int, default=0)


def add_training(command: argparse.ArgumentParser) -> None:
    """Add what every command that trains networks takes."""
    add_computing(command)
    command.add_argument(
        "--width",
        type=int,
        help="filters of the networks' first layer (default: 32 or the protocol's)",
    )


def add_data(command: argparse.ArgumentParser, what: str) -> None:
    """Add which real data."""
    command.add_argument(
        "--data",
        default="fashion-mnist",
        metavar="NAME|FOLDER",
        help=f"{what}: cifar10, cifar100, fashion-mnist (the default), mnist, the path of their "
        "files or of a folder of images, or sample: 1,000 test images in the package",
    )
    command.add_argument("--root", type=Path, metavar="DIR", help="folder of the data's files")


def _path_or_url(text: str) -> Path | str:
    return text if "://" in text else Path(text)  # a Path would take a slash away
