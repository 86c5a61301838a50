"""Chains of budgets: sets slimmed step by step, tested, kept in a folder and shown as a table."""

from slimdc.chains.cells import Cell, Chain
from slimdc.chains.chain import chain
from slimdc.chains.table import table

__all__ = ["Cell", "Chain", "chain", "table"]
