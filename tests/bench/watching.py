"""What monitoring and logs cost: Vigie beside itself without them, in alternating pairs.

    python -m bench.watching [--pairs 10] [--seconds 5]

The figure is computing time of all processes per request, one row a request on 64 connections,
metrics asked for every five seconds as a Prometheus does.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import requests
from rich.console import Console
from scipy.stats import sem, t

from bench.contenders import CONTENDERS, Contender, Site
from bench.failure import Failure
from bench.figures import MANY, SOME
from bench.formats import write_forms
from bench.load import measure, require_wrk, warm_up
from bench.rounds import Tell
from bench.server import PROJECT_PROGRAMS, Server, running

WORK = Path(__file__).parents[2] / "var" / "watching"
SCRAPE_SECONDS = 5.0


def main() -> None:
    """Prints the cost with its confidence interval."""
    parser = argparse.ArgumentParser(prog="bench.watching", description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=5)
    given = parser.parse_args()
    try:
        require_wrk()
        ratios = _measure(given.pairs, given.seconds, Console().print)
    except Failure as failure:
        sys.exit(f"bench.watching: {failure}")
    Console().print(summary(ratios))


def summary(ratios: Sequence[float]) -> str:
    """The mean extra computing time of pairs, with its 95 % interval by Student's t."""
    mean = statistics.fmean(ratios)
    least, most = t.interval(0.95, len(ratios) - 1, loc=mean, scale=sem(ratios))
    return (
        f"monitoring and logs: {mean - 1:+.1%} computing time per request "
        f"({least - 1:+.1%} to {most - 1:+.1%}, {len(ratios)} pairs)"
    )


def _unwatched(site: Site) -> Sequence[str]:
    return (sys.executable, str(Path(__file__).parent / "peers" / "unwatched.py"), "serve")


def _contenders() -> tuple[Contender, Contender]:
    watched = CONTENDERS[0]
    bare = replace(
        watched, name="unwatched", title="Vigie, unwatched", command=_unwatched,
        variables=lambda site: {**watched.variables(site), "VIGIE_PREDICTION_LOG": "off"},
    )  # fmt: skip
    return watched, bare


def _measure(pairs: int, seconds: int, tell: Tell) -> list[float]:
    shutil.rmtree(WORK, ignore_errors=True)
    forms = write_forms(WORK / "model")
    watched, bare = _contenders()
    with (
        running(watched, forms, WORK / "watched", PROJECT_PROGRAMS) as with_it,
        running(bare, forms, WORK / "unwatched", PROJECT_PROGRAMS) as without,
    ):
        stop = threading.Event()
        threading.Thread(target=_scrape, args=(with_it, stop), daemon=True).start()
        for server in (with_it, without):
            warm_up(server, SOME, 2)
        ratios = []
        for number in range(pairs):
            order = (with_it, without) if number % 2 else (without, with_it)
            took = {s.contender.name: measure(s, MANY, seconds).cpu_us for s in order}
            ratios.append(took[watched.name] / took[bare.name])
            tell(f"{took[watched.name]:.1f} and {took[bare.name]:.1f} µs: {ratios[-1]:.3f}")
        stop.set()
    return ratios


def _scrape(server: Server, stop: threading.Event) -> None:
    url = f"http://127.0.0.1:{server.site.other_ports[0]}/metrics"
    while not stop.wait(SCRAPE_SECONDS):
        requests.get(url, timeout=10).raise_for_status()


if __name__ == "__main__":
    main()
