"""A protocol of asyncio on Vigie's parser and nothing else: answers JSON as long as Vigie's.

python nothing_protocol.py PORT WORKERS
"""

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path

import uvloop
from httptools import HttpRequestParser

ANSWERS = Path(os.environ["BENCH_FORMS"]) / "answers"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
LONGEST_ROW = 1024


def read_answer(asked):
    """Head and body of what Vigie answered."""
    body = (ANSWERS / f"{asked}.json").read_bytes()
    return HEAD % len(body) + body


ONE, MANY = read_answer("1 row"), read_answer("100 rows")


class Connection(asyncio.Protocol):
    """Reads the body, answers every request alike."""

    def __init__(self):
        self._length = 0
        self._parser = HttpRequestParser(self)

    def connection_made(self, transport):
        """A caller is there."""
        self._transport = transport

    def data_received(self, data):
        """Some bytes came: a part of a request, or several requests."""
        self._parser.feed_data(data)

    def on_body(self, piece):
        """A part of a body."""
        self._length += len(piece)

    def on_message_complete(self):
        """A request is whole."""
        self._transport.write(ONE if self._length < LONGEST_ROW else MANY)
        self._length = 0


async def serve(listener):
    """Answers all who connect."""
    server = await asyncio.get_running_loop().create_server(Connection, sock=listener)
    await server.serve_forever()


def work(listener):
    """One worker."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    uvloop.run(serve(listener))


def main(port, workers):
    """Starts the workers, and ends them when it is told to end."""
    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=work, args=(listener,), daemon=True) for _ in range(workers)]
    for worker in started:
        worker.start()
    for worker in started:
        worker.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
