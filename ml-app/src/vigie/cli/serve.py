"""The commands that start what runs: `vigie run`, `serve`, `follow`, `share` and their like."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from vigie.cli.process import LOWEST_PRIORITY, begin
from vigie.settings import load_settings

SHARE_THREADS = 32


@click.command(short_help="everything here, without Docker")
def run() -> None:
    """Run everything here without Docker: MLflow, training, model-sync, service."""
    from vigie.cli.local import run as run_stack

    logging.getLogger().setLevel(logging.WARNING)
    run_stack(load_settings(), Path.cwd(), click.echo)


@click.command(short_help="the service: models of the cache on HTTP")
@click.option("--port", type=int, help="Port of the service (VIGIE_PORT).")
@click.option("--workers", type=int, help="Worker processes (VIGIE_WORKERS).")
def serve(port: int | None, workers: int | None) -> None:
    """Serve the models of the cache on HTTP."""
    # before numpy is imported: the workers are the parallelism, idle threads cost time and memory
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from vigie.serving import serve as run_service

    run_service(begin(port=port, workers=workers))


@click.command(short_help="model-sync: champions of MLflow into the cache")
@click.option("--once", is_flag=True, help="Look at the registry once and stop.")
def follow(once: bool) -> None:
    """Keep the cache at the champion versions of the registry, verified.

    With --once it ends with code 1 where a download fails.
    """
    from vigie.registry.sync import RegistrySync

    sync = RegistrySync(begin())
    if once:
        _tell(sync.sync_once(), {"failed"})
    else:
        _run_behind(sync.run)


@click.command(short_help="make packages of versions logged without")
@click.option("--once", is_flag=True, help="Look at the registry once and stop.")
def importer(once: bool) -> None:
    """Make packages, in place, of versions that get an alias and were logged without Vigie.

    VIGIE_IMPORT=off lets it sleep. With --once it ends with code 1 where an import fails.
    """
    from vigie.registry.importer import Importer

    own = Importer(begin())
    if once:
        _tell(own.look_once(), {"failed", "refused"})
    else:
        _run_behind(own.run)


@click.command(short_help="give the cache out to mirrors")
def share() -> None:
    """Give the cache of verified packages out over HTTP, for `vigie mirror` elsewhere.

    On VIGIE_SHARE_HOST and VIGIE_SHARE_PORT; whoever reaches that port may read every package.
    """
    settings = begin()
    host = f"[{settings.share_host}]" if ":" in settings.share_host else settings.share_host
    words = [
        sys.executable, "-m", "gunicorn", "--bind", f"{host}:{settings.share_port}",
        "--worker-class", "gthread", "--threads", str(SHARE_THREADS), "--log-level", "warning",
        "--worker-tmp-dir", tempfile.gettempdir(), "--no-control-socket",
        "vigie.registry.share:create_share()",
    ]  # fmt: skip
    # the words are ours, and no shell reads them
    os.execv(sys.executable, words)  # noqa: S606


@click.command(short_help="a copy of a shared cache")
@click.option("--once", is_flag=True, help="Copy once and stop.")
def mirror(once: bool) -> None:
    """Keep the cache equal to one that `vigie share` gives out (VIGIE_CACHE_URL).

    With --once it ends with code 1 where a copy fails.
    """
    from vigie.registry.mirror import CacheMirror

    own = CacheMirror(begin())
    if once:
        _tell(own.sync_once(), {"failed"})
    else:
        _run_behind(own.run)


def _tell(results: Mapping[str, str], wrong: set[str]) -> None:
    """A line a model; ends with code 1 where one of them came to what is wrong."""
    for name, result in results.items():
        click.echo(f"{name}: {result}")
    if wrong & set(results.values()):
        sys.exit(1)


def _run_behind(work: Callable[[threading.Event], None]) -> None:
    """Runs until a signal says to stop, behind whatever answers callers."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # to download and to try a candidate is work, and never as urgent as an answer
    os.nice(LOWEST_PRIORITY)
    work(stop)
