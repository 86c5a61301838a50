"""A relay that counts what goes over the wire between the clients and the server."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["Relay"]


class Relay:
    """Pass connections on to a port of this machine, and count their bytes.

    Parameters
    ----------
    target : int
        The port that connections are passed on to.

    Attributes
    ----------
    port : int
        Where it listens.
    up, down : int
        Bytes to the target and from it, so far.
    """

    def __init__(self, target: int) -> None:
        self.target, self.port, self.up, self.down = target, 0, 0, 0
        listens = threading.Event()
        threading.Thread(target=asyncio.run, args=(self._serve(listens),), daemon=True).start()
        listens.wait()

    async def _serve(self, listens: threading.Event) -> None:
        server = await asyncio.start_server(self._passed, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listens.set()
        await server.serve_forever()

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            beyond = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the server is gone: its client is told so
            writer.close()
            return
        await asyncio.gather(
            self._pumped(reader, beyond[1], "up"), self._pumped(beyond[0], writer, "down")
        )

    async def _pumped(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str
    ) -> None:
        try:
            while part := await source.read(65536):
                setattr(self, way, getattr(self, way) + len(part))
                sink.write(part)
                await sink.drain()
        except OSError:  # one side is killed
            pass
        finally:
            sink.close()
