"""Slim 1,000 classes by processes of the standard library."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from parts import compare, options


def main() -> None:
    """Start processes, and compare their files with those of this process."""
    given = options()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.workers, mp_context=spawn) as executor:
        compare(f"processes, {given.workers} workers", given, executor)


if __name__ == "__main__":
    main()
