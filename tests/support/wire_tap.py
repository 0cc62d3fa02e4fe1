"""A program in a container: hands connections on to a service, and tells what went to and fro.

    python wire_tap.py HOST PORT     listens on 5000; on 5001 it tells what is new, and closes

It is run by an interpreter that has nothing of the project.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio import StreamReader, StreamWriter

PORT, TOLD_PORT = 5000, 5001
BEGINNING = 64
Exchange = tuple[bytearray, bytearray]
"""What was sent on a connection and what was said to it, since somebody asked."""


class Tap:
    """The connections, and what is not yet told of them."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._exchanges: list[Exchange] = []
        self._beginnings: dict[int, bytes] = {}

    async def hand_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        """A connection to the service."""
        exchange = (bytearray(), bytearray())
        self._exchanges.append(exchange)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(
            _copy(reader, far_writer, exchange[0]), _copy(far_reader, writer, exchange[1])
        )

    async def tell(self, reader: StreamReader, writer: StreamWriter) -> None:
        """What is new, as JSON and latin-1.

        For each connection how it began once, what was sent on it, and what was said to it.
        """
        told: list[list[str]] = []
        for number, (sent, said) in enumerate(self._exchanges):
            if sent or said:
                began = self._beginnings.setdefault(number, bytes(sent[:BEGINNING]))
                told.append([part.decode("latin-1") for part in (began, sent, said)])
            sent.clear()
            said.clear()
        writer.write(json.dumps(told).encode())
        await writer.drain()
        writer.close()


async def _copy(reader: StreamReader, writer: StreamWriter, kept: bytearray) -> None:
    try:
        while piece := await reader.read(65536):
            kept += piece
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


async def main(host: str, port: int) -> None:
    """Serves until it is stopped."""
    tap = Tap(host, port)
    taps = await asyncio.start_server(tap.hand_on, "0.0.0.0", PORT)
    telling = await asyncio.start_server(tap.tell, "0.0.0.0", TOLD_PORT)
    await asyncio.gather(taps.serve_forever(), telling.serve_forever())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
