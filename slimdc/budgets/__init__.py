"""Budgets in bytes: what to keep of a set, and in how many bits."""

from slimdc.budgets.budget import Budget
from slimdc.budgets.choice import Candidate, Choice, Start
from slimdc.budgets.criterion import Criterion

__all__ = ["Budget", "Candidate", "Choice", "Criterion", "Start"]
