"""Instructions a request, which no other process on the machine changes: counted by callgrind.

python -m bench.instructions
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.contender import Contender, Site
from bench.environments import programs
from bench.failure import Failure
from bench.figures import Counts, Load
from bench.forms import Forms
from bench.rounds import Tell, keep_answers
from bench.rows.contenders import CONTENDERS, LIMIT, RAW
from bench.rows.loads import MANY, ONE
from bench.server import Server, running
from support import constants
from support.wire import connect, head_of, read_status

WORK = Path(__file__).parents[2] / "var" / "instructions"
COUNTED = ("vigie", RAW, LIMIT)
TIMES = {ONE: 200, MANY: 20}
"""How often every connection asks under each load."""
IDLE_SECONDS = 5.0
MOST_IDLE_RATE = 5e6
LONGEST_SECONDS = 60
QUICK = "vigie.serving.runtime.loaded_model.QUICK_SECONDS"
TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def main() -> None:
    """Prints the counts."""
    from bench.rows.formats import write_forms

    console = Console()
    try:
        shutil.rmtree(WORK, ignore_errors=True)
        forms = write_forms(WORK / "model")
        keep_answers(CONTENDERS[0], forms, WORK, WORK)
        counts = measure_instructions(forms, WORK, console.print)
    except Failure as failure:
        sys.exit(f"bench.instructions: {failure}")
    console.print(counts or "callgrind is not installed: apt install valgrind")


def measure_instructions(forms: Forms, work: Path, tell: Tell) -> Counts | None:
    """What one worker of some servers takes; None where there is no callgrind.

    The model is called in the event loop, as it is at full speed: under callgrind it is not quick.
    """
    if shutil.which("callgrind_control") is None:
        return None
    run = work / "instructions"
    shutil.rmtree(run, ignore_errors=True)
    counts: dict[str, dict[Load, float]] = {}
    for contender in (one for one in CONTENDERS if one.name in COUNTED):
        tell(f"Instructions: {contender.title}")
        home = programs(contender, work / "envs")
        with running(_counted(contender), forms, run / contender.name, home, 1) as server:
            counts[contender.name] = {load: _count(server, load) for load in TIMES}
    return counts


def _counted(contender: Contender) -> Contender:
    """The same under callgrind."""

    def command(site: Site) -> Sequence[str]:
        own = list(contender.command(site))
        if contender.name == "vigie":
            own = [own[0], "-P", constants.__file__, *own[3:]]
        # the worker is a child, which tells nothing unless children are traced
        options = ("--quiet", "--tool=callgrind", "--trace-children=yes", "--separate-threads=yes")
        return ("valgrind", *options, *own)

    def variables(site: Site) -> dict[str, str]:
        return {**contender.variables(site), **constants.changed({QUICK: LONGEST_SECONDS})}

    return replace(contender, command=command, variables=variables)


def _count(server: Server, load: Load) -> float:
    """Instructions of the worker's event loop for each request on an open connection.

    What it does while nobody asks is taken off, and what it does for a first request.
    """
    worker = _worker(server)

    def taken(times: int) -> float:
        _dump(server, worker)
        began = time.perf_counter()
        _ask(server, load, times)
        seconds = time.perf_counter() - began
        return _dump(server, worker) - idle * seconds

    idle = _idle_rate(server, worker)
    times = TIMES[load]
    return (taken(1 + times) - taken(1)) / (load.connections * times)


def _idle_rate(server: Server, worker: int) -> float:
    """Instructions a second while nobody asks, once what a server puts off at its start is done."""
    end = time.monotonic() + LONGEST_SECONDS
    _dump(server, worker)
    while True:
        time.sleep(IDLE_SECONDS)
        rate = _dump(server, worker) / IDLE_SECONDS
        if rate < MOST_IDLE_RATE:
            return rate
        if time.monotonic() > end:
            raise Failure(f"{server.contender.title} computes while nobody asks: {rate:,.0f}/s")


def _ask(server: Server, load: Load, times: int) -> None:
    """All connections ask at once, and again when all have their answers."""
    with ExitStack() as stack:
        callers = [stack.enter_context(connect(server.site.port)) for _ in range(load.connections)]
        for caller in callers:
            caller.settimeout(LONGEST_SECONDS)
        for _ in range(times):
            _exchange(callers, server, load)


def _exchange(callers: Sequence[socket.socket], server: Server, load: Load) -> None:
    body = server.contender.asks(server.site.forms.questions[load.asked].content)
    headers = (f"Content-Type: {body.media_type}", f"Content-Length: {len(body.data)}")
    asked = head_of("POST", server.contender.path, *headers) + body.data
    for caller in callers:
        caller.sendall(asked)
    if any(read_status(caller) != 200 for caller in callers):
        raise Failure(f"{server.contender.title} refuses a request under callgrind")


def _worker(server: Server) -> int:
    """The process of a server that answers."""
    with connect(server.site.port) as caller:
        caller.settimeout(LONGEST_SECONDS)
        _exchange([caller], server, ONE)
        own = caller.getsockname()
        for process in server.family:
            if any(one.raddr == own for one in process.net_connections("tcp")):
                return int(process.pid)
    raise Failure(f"no process of {server.contender.title} has taken a connection")


def _dump(server: Server, pid: int) -> int:
    """The instructions of a process's first thread since the last dump."""
    asked = ["callgrind_control", f"--dump={pid}", str(pid)]
    done = subprocess.run(
        asked, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS
    )
    files = sorted(server.site.folder.glob(f"callgrind.out.{pid}.*-01"), key=_number)
    if done.returncode or not files:
        raise Failure(f"callgrind tells nothing of {pid}: {done.stdout}{done.stderr}")
    found = TOTAL.search(files[-1].read_text())
    if found is None:
        raise Failure(f"callgrind has no total in {files[-1]}")
    return int(found[1])


def _number(path: Path) -> int:
    return int(path.suffix[1:].partition("-")[0])


if __name__ == "__main__":
    main()
