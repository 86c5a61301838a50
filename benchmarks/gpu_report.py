"""What `gpu.py` is made of: backends in processes of their own, and tables in Markdown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class NoAnswerError(Exception):
    """What a worker could not do."""


@dataclass(eq=False)
class Worker:
    """A backend with its options, in a process that answers questions."""

    name: str
    device: str
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        environment = {
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the card is shared with the others
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # PyTorch warns without it
        }
        path = Path(__file__).with_name("gpu_worker.py")
        told = json.dumps({"name": self.name, "device": self.device, "options": self.options})
        self.process = subprocess.Popen(
            [sys.executable, str(path), told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def __str__(self) -> str:
        words = ["compiled"] if self.options.get("compiled") else []
        return " ".join([self.name, *words, self.precision])

    @property
    def precision(self) -> str:
        """Name the precision."""
        return str(self.options.get("precision", "float32"))

    def ask(self, question: str, **arguments: Any) -> Any:
        """Put a question and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps([question, arguments]) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise NoAnswerError("its process ended")
        answer = json.loads(line)
        if "error" in answer:
            raise NoAnswerError(answer["error"])
        return answer["answer"]

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Report:
    """What is printed, and whether all went well."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.failed = False

    def title(self, words: str) -> None:
        """Begin a section."""
        print(f"\n### {words}\n", flush=True)

    def head(self, *cells: str) -> None:
        """Begin a table."""
        self.row(*cells)
        self.row(*("---" for _ in cells))

    def row(self, *cells: object) -> None:
        """Print a row of the table."""
        print("|", " | ".join(str(x).replace("|", "\\|") for x in cells), "|", flush=True)

    def failure(self, *cells: object) -> None:
        """Print a row that tells of something that went wrong."""
        self.failed = True
        self.row(*cells)
