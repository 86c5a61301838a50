"""``slimdc completion``: what a shell takes to complete slimdc's commands, options and names."""

from __future__ import annotations

import argparse
import os

from slimdc.errors import MissingLibraryError

__all__ = ["add", "complete"]


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "shell",
        choices=("bash", "zsh", "fish"),
        help='the shell that is to evaluate this: eval "$(slimdc completion bash)" in ~/.bashrc, '
        "the same with zsh in ~/.zshrc after compinit; slimdc completion fish > "
        "~/.config/fish/completions/slimdc.fish",
    )
    command.set_defaults(run=_run)


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may follow, and end then; do nothing where none asks."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete

    argcomplete.autocomplete(parser)


def _run(options: argparse.Namespace) -> None:
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        remedy = 'it installed: pip install "slimdc[completion]"'
        raise MissingLibraryError("completion", "no argcomplete", remedy) from None
    print(shellcode(["slimdc"], shell=options.shell))
