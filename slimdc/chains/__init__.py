"""Chains of budgets: sets slimmed step by step, tested, kept in a folder and shown as a table."""

from slimdc.chains.chain import Cell, Chain, chain

__all__ = ["Cell", "Chain", "chain"]
