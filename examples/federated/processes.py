"""Run the app as processes of its own on loopback; kill a client at its work, and add another.

    python processes.py [FOLDER]

A SuperLink and three SuperNodes are started, each with a quarter of the classes.
In round 2 the second SuperNode is killed with SIGKILL while its client slims; before round 3 a
fourth comes. The logs stay in FOLDER, by default a temporary one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from relay import Relay

__all__ = ["Processes", "main"]

_APP = Path(__file__).parent
_RUN = ("--run-config", 'participants="3 3 4 4" timeout=45.0 patience=30.0')
_ROUNDS, _PARTS = 4, 4
_LOST, _ADDED = 1, 3


class Processes:
    """What was started, each with its log.

    Parameters
    ----------
    folder : Path
        For logs and for what Flower keeps.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, dict[str, subprocess.Popen[bytes]]()
        binaries = str(Path(sys.executable).parent)
        self.environment = os.environ | {
            "FLWR_HOME": str(folder / "flwr"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            # The app runs in this environment: `uv sync` would look for slimdc on an index.
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            "PYTHONUNBUFFERED": "1",
            "PATH": os.pathsep.join((binaries, os.environ.get("PATH", os.defpath))),
        }

    def start(self, name: str, *command: str) -> None:
        """Start a command that writes to the log of that name."""
        with self.log(name).open("wb") as log:
            self.started[name] = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def node(self, part: int, port: int) -> None:
        """Start the SuperNode that holds a part of the classes."""
        self.start(
            f"node-{part}",
            *("flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{port}"),
            *("--port", str(free_port())),
            *("--node-config", f"partition-id={part} num-partitions={_PARTS}"),
        )

    def kill(self, name: str) -> None:
        """Kill one, as a power cut would; what it started sees that, and ends."""
        process = self.started.pop(name)
        process.kill()
        process.wait()

    def end(self) -> None:
        """Ask all to end, and wait until they have."""
        for process in self.started.values():
            process.terminate()
        for process in self.started.values():
            process.wait()

    def log(self, name: str) -> Path:
        """Name the log of one of them."""
        return self.folder / f"{name}.log"

    def wait_for(self, name: str, text: str, seconds: float = 60.0) -> None:
        """Wait until a log says something.

        Raises
        ------
        TimeoutError
            It does not.
        """
        until = time.monotonic() + seconds
        while text not in self.log(name).read_text(encoding="utf-8", errors="replace"):
            if time.monotonic() > until:
                raise TimeoutError(f"{self.log(name)}: no line with {text!r} in {seconds:g} s")
            time.sleep(0.05)


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main(folder: Path) -> None:
    """Start all of them, play the rounds, and end all of them; the logs are in the folder."""
    processes, port = Processes(folder), free_port()
    (folder / "flwr").mkdir(parents=True, exist_ok=True)
    (folder / "flwr" / "config.toml").write_text(
        f'[superlink.loopback]\naddress = "127.0.0.1:{port}"\ninsecure = true\n', encoding="utf-8"
    )
    try:
        address = ("--host", "127.0.0.1", "--port", str(port))
        processes.start("superlink", "flower-superlink", "--insecure", *address)
        relay = Relay(port)
        for part in range(_PARTS - 1):
            processes.node(part, relay.port)
        play(processes, relay)
    finally:
        processes.end()


def play(processes: Processes, relay: Relay) -> None:
    """Run the app, print what it says of its rounds, and do to its clients what is to be shown."""
    await_port(relay.target)
    command = ["flwr", "run", str(_APP), "loopback", "--stream", *_RUN]
    before, rounds, path = relay.up, 0, processes.log("run")
    with (
        path.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, env=processes.environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as run,
    ):
        for line in run.stdout or ():
            log.write(line)
            if not line.startswith("round "):
                continue
            print(line.rstrip(), flush=True)
            if line.startswith("round 2: asks"):
                processes.wait_for(f"node-{_LOST}", "round 2: slimming")
                processes.kill(f"node-{_LOST}")
                print(f"         SuperNode {_LOST} is killed at its work", flush=True)
            if " sets, " in line:
                print(f"         {relay.up - before:,} bytes came over the wire", flush=True)
                before, rounds = relay.up, rounds + 1
            if line.startswith("round 2:") and " sets, " in line:
                processes.node(_ADDED, relay.port)
                print(f"         SuperNode {_ADDED} is started", flush=True)
    if rounds != _ROUNDS:
        sys.exit(f"{rounds} rounds instead of {_ROUNDS}: see {path}")


def await_port(port: int, seconds: float = 60.0) -> None:
    """Wait until something listens there."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        main(Path(tempfile.mkdtemp(prefix="slimdc-federated-")))
