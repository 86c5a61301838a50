"""The commands of ``slimdc``, a file each: what it takes, and what it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimdc.commands import (
    backends,
    certify,
    chain,
    completion,
    condense,
    convert,
    demo,
    evaluate,
    info,
    methods,
    plot,
    slim,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["COMMANDS"]

COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "demo": ("slim a small real set and show what it costs", demo.add),
    "info": ("what a file holds, and what each prefix of it costs", info.add),
    "condense": ("make a small set of real data", condense.add),
    "slim": ("smaller sets, of k components per class or within bytes", slim.add),
    "certify": ("distances and bounds between two sets", certify.add),
    "evaluate": ("train networks on a set, test on real data", evaluate.add),
    "convert": ("read sets as others publish them, and write them so", convert.add),
    "chain": ("slim step by step, test every set, keep the results", chain.add),
    "plot": ("pictures of sets and of results", plot.add),
    "methods": ("what condenses and what slims, by name", methods.add),
    "backends": ("what can train here, and how to get the rest", backends.add),
    "completion": ("what a shell takes to complete all this", completion.add),
}
