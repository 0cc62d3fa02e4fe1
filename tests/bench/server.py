"""One contender as processes: started, asked, weighed, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
import requests

import vigie
from bench.contender import PEERS, WORKERS, Contender, Site
from bench.failure import Failure
from bench.forms import Forms, require_close
from support.memory import pss_mb
from support.ports import free_port

LONGEST_START_SECONDS = 240.0
LONGEST_ANSWER_SECONDS = 60.0
LONGEST_STOP_SECONDS = 5.0
PROJECT_PROGRAMS = Path(sys.executable).parent
OURS = ("VIGIE_", "PYTHON", "VIRTUAL_ENV", "BENCH_")


@dataclass
class Server:
    """A running contender; `start_seconds` from its start to its first right prediction."""

    contender: Contender
    site: Site
    process: subprocess.Popen[bytes]
    start_seconds: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site.port}{self.contender.path}"

    def ask(self, asked: str) -> bytes:
        """The body of its answer to a question."""
        body = self.contender.asks(self.site.forms.questions[asked].content)
        headers = {"Content-Type": body.media_type}
        said = requests.post(self.url, body.data, headers=headers, timeout=LONGEST_ANSWER_SECONDS)
        if not said.ok:
            raise Failure(f"{self.contender.title} answers {said.status_code}: {said.text[:300]}")
        return said.content

    def check(self, asked: str) -> None:
        """Raises `Failure` where it answers a question otherwise than Keras."""
        says, question = self.contender.says, self.site.forms.questions[asked]
        title = f"{self.contender.title}, {asked}"
        try:
            body = self.ask(asked)
            if says is not None:
                answers = says(orjson.loads(body))
                require_close(title, answers, question.answers, question.tolerance)
        except (requests.RequestException, ValueError, TypeError, LookupError) as wrong:
            raise Failure(f"{self.contender.title}: {wrong!r}; its log: {self.log}") from None

    @property
    def log(self) -> Path:
        return self.site.folder / "log"

    @property
    def family(self) -> list[psutil.Process]:
        """The process that was started and all that came of it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []

    @property
    def memory_mb(self) -> float:
        """The proportional set size of all its processes, MB."""
        return pss_mb(self.family)

    @property
    def cpu_seconds(self) -> float:
        """The time that all its processes have computed so far."""
        total = 0.0
        for process in self.family:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def wait_first(self, started: float) -> None:
        """Returns at its first right prediction."""
        first, *others = self.site.forms.questions
        while True:
            if self.process.poll() is not None:
                raise Failure(f"{self.contender.title} ended at once; its log: {self.log}")
            try:
                self.ask(first)
                break
            except (requests.RequestException, Failure) as wrong:
                if time.perf_counter() - started > LONGEST_START_SECONDS:
                    raise Failure(f"{self.contender.title} does not start: {wrong}") from None
                time.sleep(0.01)
        self.start_seconds = time.perf_counter() - started
        for asked in (first, *others):
            self.check(asked)

    def stop(self) -> None:
        """Ends every process that came of it, within a bound."""
        family = self.family
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, left = psutil.wait_procs(family, timeout=LONGEST_STOP_SECONDS)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        with contextlib.suppress(ProcessLookupError):
            # one whose parent had ended is no longer of the family, but still of the group
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LONGEST_STOP_SECONDS)


@contextlib.contextmanager
def running(
    contender: Contender, forms: Forms, folder: Path, programs: Path, workers: int = WORKERS
) -> Iterator[Server]:
    """A contender that has answered rightly once; ended in any case."""
    folder.mkdir(parents=True)
    site = Site(programs, folder, free_port(), (free_port(), free_port()), forms, workers)
    command = contender.command(site)
    environment = _environment(contender, site)
    started = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=folder,
            start_new_session=True,
        )  # fmt: skip
    server = Server(contender, site, process)
    try:
        server.wait_first(started)
        yield server
    finally:
        server.stop()


def _environment(contender: Contender, site: Site) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    paths = [str(PEERS)]
    if contender.environment is None:
        # the very code that the bench itself imports, wherever another is installed
        paths.append(str(Path(vigie.__file__).parents[1]))
    return {
        **kept,
        "PATH": f"{site.programs}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BENCH_FORMS": str(site.forms.folder),
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **contender.variables(site),
    }
