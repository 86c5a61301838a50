"""Budgets in bytes: what to keep of a set, and in how many bits."""
