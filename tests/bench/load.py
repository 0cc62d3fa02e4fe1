"""Load from `wrk`: requests as fast as they are answered, over connections that stay open."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.failure import Failure
from bench.figures import Load, Measure
from bench.server import Server

LONGEST_WAIT_SECONDS = 60
DONE = """
done = function(summary, latency, requests)
   local e = summary.errors
   io.write(string.format("\\nbench %d %d %d %d %f %f\\n", summary.requests, summary.duration,
      e.status, e.connect + e.read + e.write + e.timeout,
      latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class _Done:
    """What `wrk` counted; times in seconds."""

    requests: int
    seconds: float
    refused: int
    lost: int
    p50: float
    p99: float


def require_wrk() -> None:
    """Raises `Failure` where there is no `wrk`."""
    if shutil.which("wrk") is None:
        raise Failure("make bench needs wrk: apt install wrk, or brew install wrk")


def measure(server: Server, load: Load, seconds: int) -> Measure:
    """Checks the server's answers, then measures it for so long under this load."""
    server.check(load.asked)
    before = server.cpu_seconds
    done = _wrk(server, load, seconds * load.longer)
    computed = server.cpu_seconds - before
    if not done.requests:
        raise Failure(
            f"{server.contender.title}, {load}: no answer in {seconds * load.longer} s; "
            "try SECONDS= with more"
        )
    return Measure(
        rate=done.requests / done.seconds,
        p50_ms=1000 * done.p50,
        p99_ms=1000 * done.p99,
        cpu_us=1e6 * computed / done.requests,
    )


def warm_up(server: Server, load: Load, seconds: int) -> None:
    """Lets the server settle under this load."""
    _wrk(server, load, seconds)


def _wrk(server: Server, load: Load, seconds: int) -> _Done:
    script = _script(server, load)
    told = subprocess.run(
        [
            "wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s",
            "--timeout", f"{LONGEST_WAIT_SECONDS}s", "-s", str(script), server.url,
        ],
        capture_output=True, text=True, check=False, timeout=seconds + 2 * LONGEST_WAIT_SECONDS,
    )  # fmt: skip
    title = server.contender.title
    lines = [line for line in told.stdout.splitlines() if line.startswith("bench ")]
    if told.returncode or not lines:
        raise Failure(f"wrk fails on {title}: {told.stderr.strip()}")
    requests, micros, refused, lost, p50, p99 = (float(word) for word in lines[0].split()[1:])
    done = _Done(int(requests), micros / 1e6, int(refused), int(lost), p50 / 1e6, p99 / 1e6)
    if done.refused or done.lost:
        raise Failure(
            f"{title}, {load}: {done.requests} answers, {done.refused} of them errors, "
            f"{done.lost} connections lost; its log: {server.log}"
        )
    return done


def _script(server: Server, load: Load) -> Path:
    path = server.site.folder / f"ask-{load.asked.replace(' ', '-')}.lua"
    file = path.with_suffix(".body")
    body = server.contender.asks(server.site.forms.questions[load.asked].content)
    file.write_bytes(body.data)
    path.write_text(
        f'wrk.method = "POST"\nwrk.body = io.open("{file}", "rb"):read("*a")\n'
        f'wrk.headers["Content-Type"] = "{body.media_type}"\n{DONE}'
    )
    return path
