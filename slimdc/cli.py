"""The command ``slimdc``: demo, slim, certify, evaluate, backends.

Exit codes: 0 done, 1 an error that is told in one line, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimdc import __version__
from slimdc.errors import FileError, SlimdcError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``slimdc`` on the command line; `sys.argv` where None.

    Returns
    -------
    int
        The exit code: 0 done, 1 for an error of slimdc (told in one line on stderr), 130 where the
        user interrupted.

    Raises
    ------
    SystemExit
        With code 2 for wrong usage, with code 0 after ``--help`` and ``--version``.

    Examples
    --------
    >>> main(["certify", "missing.safetensors", "missing.safetensors"])
    1
    """
    with _open_streams(), warnings.catch_warnings():
        options = _parser().parse_args(arguments)
        warnings.showwarning = _show_warning
        try:
            options.run(options)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read our output has enough of it. Python would complain again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except MemoryError as error:
            return _failed(f"not enough memory: {_one_line(error)}")
        except (SlimdcError, OSError) as error:  # OSError: a full disk under our output, say
            return _failed(_one_line(error))
        except KeyboardInterrupt:
            saved = getattr(options, "checkpoint", None)
            resume = f"; the same command goes on from {saved}" if saved else ""
            _tell(f"interrupted{resume}")
            return _INTERRUPTED
    return 0


@contextmanager
def _open_streams() -> Iterator[None]:
    """Stand in for standard streams that are closed, and print any character on the others."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Or the next file to be opened would get this number, and what is meant for the user.
            os.open(os.devnull, os.O_RDWR)
    with ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        if sys.stdout is None:
            stack.enter_context(redirect_stdout(nowhere))
        if sys.stderr is None:
            stack.enter_context(redirect_stderr(nowhere))
        for stream in (sys.stdout, sys.stderr):
            # Certificates hold mathematical signs; a terminal that lacks one must not end this.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slimdc", description="Make condensed datasets smaller, without the real data."
    )
    parser.add_argument("--version", action="version", version=f"slimdc {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="slim a small real set and show what it costs")
    demo.add_argument(
        "--picture",
        type=Path,
        default=Path("slimdc-demo.png"),
        metavar="PNG",
        help="where to draw the images, with matplotlib (default: slimdc-demo.png)",
    )
    demo.add_argument("--seed", type=int, default=0)
    demo.set_defaults(run=_demo)

    slim = commands.add_parser("slim", help="keep the k most significant components per class")
    slim.add_argument(
        "set", type=Path, metavar="IN", help="a slimmable file, as slimdc.save writes it"
    )
    slim.add_argument("out", type=Path, metavar="OUT", help="where to write the smaller one")
    slim.add_argument("-k", type=int, required=True, help="components per class to keep")
    slim.add_argument("--steps", type=int, help="training steps; 0 is learning-free (default: 500)")
    slim.add_argument("--backend", default="numpy", help="see `slimdc backends` (default: numpy)")
    slim.add_argument("--device", help="where it computes, such as cuda:0 (default: its own)")
    slim.add_argument(
        "--width", type=int, help="filters of the networks' first layer (default: 32)"
    )
    slim.add_argument("--seed", type=int, default=0)
    slim.add_argument(
        "--checkpoint", type=Path, metavar="PATH", help="write progress there, resume if present"
    )
    slim.set_defaults(run=_slim)

    certify = commands.add_parser("certify", help="distances and bounds between two sets")
    certify.add_argument("before", type=Path, metavar="BEFORE")
    certify.add_argument("after", type=Path, metavar="AFTER")
    certify.set_defaults(run=_certify)

    evaluate = commands.add_parser("evaluate", help="train networks on a set, test on real data")
    evaluate.add_argument(
        "set", type=Path, metavar="SET", help="a slimmable file, as slimdc.save writes it"
    )
    evaluate.add_argument(
        "--data",
        default="fashion-mnist",
        metavar="NAME|FOLDER",
        help="real test images: cifar10, cifar100, fashion-mnist (the default), mnist, the path of "
        "their files or of a folder of images, or sample: 1,000 images in the package",
    )
    evaluate.add_argument("--root", type=Path, metavar="DIR", help="folder of the data's files")
    evaluate.add_argument("--repeats", type=int, default=5, help="networks (default: 5)")
    evaluate.add_argument("--steps", type=int, help="training steps of each network")
    evaluate.add_argument("--backend", default="numpy", help="(default: numpy)")
    evaluate.add_argument("--device", help="where it computes, such as cuda:0 (default: its own)")
    evaluate.add_argument(
        "--width", type=int, help="filters of the networks' first layer (default: 32)"
    )
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.set_defaults(run=_evaluate)

    backends = commands.add_parser("backends", help="what can train here, and how to get the rest")
    backends.set_defaults(run=_backends)
    return parser


def _demo(options: argparse.Namespace) -> None:
    from slimdc import demo

    _check_target(options.picture, "--picture")
    demo.run(picture=options.picture, seed=options.seed)


def _slim(options: argparse.Namespace) -> None:
    import slimdc

    _check_target(options.out, "OUT")
    before = slimdc.load(options.set)
    after = slimdc.slim(
        before,
        options.k,
        backend=options.backend,
        device=options.device,
        steps=options.steps,
        width=options.width,
        seed=options.seed,
        progress=_progress(),
        checkpoint=options.checkpoint,
    )
    slimdc.save(after, options.out)
    print(
        f"{options.out}: {before.components_per_class} -> {after.components_per_class} components "
        f"per class, {before.nbytes:,} -> {after.nbytes:,} bytes"
    )


def _certify(options: argparse.Namespace) -> None:
    import slimdc

    print(slimdc.certify(slimdc.load(options.before), slimdc.load(options.after)))


def _evaluate(options: argparse.Namespace) -> None:
    import slimdc
    from slimdc._command_data import real_images, with_matrix

    data = slimdc.load(options.set)
    x_train, x_test, y_test = real_images(options.data, options.root)
    if not data.preprocessing.is_complete:
        data = with_matrix(data, options.set, x_train)
    result = slimdc.evaluate(
        data,
        x_test,
        y_test,
        repeats=options.repeats,
        steps=options.steps,
        backend=options.backend,
        device=options.device,
        width=options.width,
        seed=options.seed,
        progress=_progress(),
    )
    print(f"{result} on {len(y_test):,} real test images")


def _backends(_: argparse.Namespace) -> None:
    from slimdc import backend

    for name in backend.names():
        print(f"{name:<12} {_state(name)}")


def _state(name: str) -> str:
    from slimdc import backend

    remedy = backend.missing(name)
    if remedy is not None:
        return f"not installed: {remedy}"
    try:
        return f"usable, on {backend.get(name).device}"
    except Exception as error:  # a third party's package may fail in any way
        return f"not usable: {_one_line(error)}"


def _check_target(path: Path, argument: str) -> None:
    """Refuse what cannot be written before an hour of work, not after it."""
    from slimdc.storage.atomic import writable

    try:
        writable(path)
    except OSError as error:
        raise FileError(argument, f"{path} ({error})", "the name of a file to write") from error


def _progress() -> Callable[[int, int, dict[str, float]], None] | None:
    """Leave progress to the library's bar, or count in plain text where tqdm is missing."""
    from slimdc.training.progress import watched

    if not watched() or find_spec("tqdm") is not None:
        return None

    def count_steps(count: int, steps: int, _terms: dict[str, float]) -> None:
        end = "\n" if count == steps else ""
        print(f"\r{count:,} of {steps:,}", end=end, file=sys.stderr, flush=True)

    return count_steps


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _tell(f"warning: {_one_line(message)}")


def _failed(message: str) -> int:
    _tell(f"error: {message}")
    return 1


def _tell(message: str) -> None:
    with suppress(OSError):  # nobody reads it
        print(f"slimdc: {message}", file=sys.stderr)


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
