"""Reverse-mode differentiation over the array API: arrays whose namespace records.

A `Var` wraps an array of any array-API namespace. Its ``__array_namespace__`` returns a namespace
that computes with the wrapped arrays and notes, for each result, how a gradient flows back. Code
written against the array API therefore runs on it unchanged. Functions without a rule refuse a
`Var` by name rather than losing its gradient.

Tapes nest: what a variable wraps may itself be a variable, of an older tape. Every rule computes
values and gradients by the same recording functions one level below, so that whatever the inner
tape computes, its gradients among them, the outer one records.
"""

from slimdc_backends.tape.blocks import record_block
from slimdc_backends.tape.convolution import Products, convolved
from slimdc_backends.tape.differentiation import differentiated
from slimdc_backends.tape.record import Pullback, Tape
from slimdc_backends.tape.variables import Var, raw

__all__ = [
    "Products",
    "Pullback",
    "Tape",
    "Var",
    "convolved",
    "differentiated",
    "raw",
    "record_block",
]
