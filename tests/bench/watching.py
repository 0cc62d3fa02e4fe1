"""What monitoring and logs cost: Vigie beside itself without them, in alternating pairs.

    python -m bench.watching [--pairs 10] [--seconds 5]

The figure is computing time of all processes per request, one row a request on 64 connections,
metrics asked for every five seconds as a Prometheus does.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import requests
from rich.console import Console

from bench.contender import Contender, Site
from bench.failure import Failure
from bench.figures import Cost
from bench.forms import Forms
from bench.load import measure, require_wrk, warm_up
from bench.rounds import Tell
from bench.rows.contenders import CONTENDERS
from bench.rows.formats import write_forms
from bench.rows.loads import MANY, SOME
from bench.server import PROJECT_PROGRAMS, Server, running

WORK = Path(__file__).parents[2] / "var" / "watching"
PAIRS = 10
SCRAPE_SECONDS = 5.0


def main() -> None:
    """Prints the cost with its confidence interval."""
    parser = argparse.ArgumentParser(prog="bench.watching", description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=int, default=5)
    given, console = parser.parse_args(), Console()
    try:
        require_wrk()
        shutil.rmtree(WORK, ignore_errors=True)
        forms = write_forms(WORK / "model")
        cost = measure_watching(forms, WORK, given.pairs, given.seconds, console.print)
    except Failure as failure:
        sys.exit(f"bench.watching: {failure}")
    console.print(f"monitoring and logs: {cost} of computing time per request")


def _unwatched(site: Site) -> Sequence[str]:
    return (sys.executable, str(Path(__file__).parent / "peers" / "unwatched.py"), "serve")


def _contenders() -> tuple[Contender, Contender]:
    watched = CONTENDERS[0]
    bare = replace(
        watched, name="unwatched", title="Vigie, unwatched", command=_unwatched,
        variables=lambda site: {**watched.variables(site), "VIGIE_PREDICTION_LOG": "off"},
    )  # fmt: skip
    return watched, bare


def measure_watching(forms: Forms, work: Path, pairs: int, seconds: int, tell: Tell) -> Cost:
    """Measures Vigie and Vigie unwatched in turn, both running all the time."""
    shutil.rmtree(work / "watching", ignore_errors=True)
    watched, bare = _contenders()
    folder, ratios = work / "watching", []
    with (
        running(watched, forms, folder / watched.name, PROJECT_PROGRAMS) as with_it,
        running(bare, forms, folder / bare.name, PROJECT_PROGRAMS) as without,
    ):
        stop = threading.Event()
        threading.Thread(target=_scrape, args=(with_it, stop), daemon=True).start()
        for server in (with_it, without):
            warm_up(server, SOME, 2)
        for number in range(pairs):
            order = (with_it, without) if number % 2 else (without, with_it)
            took = {s.contender.name: measure(s, MANY, seconds).cpu_us for s in order}
            ratios.append(took[watched.name] / took[bare.name])
            tell(f"watched {took[watched.name]:.1f} µs, unwatched {took[bare.name]:.1f} µs")
        stop.set()
    return Cost.of(ratios)


def _scrape(server: Server, stop: threading.Event) -> None:
    url = f"http://127.0.0.1:{server.site.other_ports[0]}/metrics"
    while not stop.wait(SCRAPE_SECONDS):
        requests.get(url, timeout=10).raise_for_status()


if __name__ == "__main__":
    main()
