"""How servers are started: the commands, and what each reads besides."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from bench.contender import PEERS, WORKERS, Site

Command = Callable[[Site], Sequence[str]]
Variables = Callable[[Site], Mapping[str, str]]


def vigie_serve(site: Site) -> Sequence[str]:
    """Vigie, the code that the bench itself imports."""
    return (sys.executable, "-m", "vigie", "serve")


def vigie_variables(model: str, **settings: str) -> Variables:
    """The settings of a service of one model."""

    def variables(site: Site) -> Mapping[str, str]:
        return {
            "VIGIE_CACHE": str(site.forms.cache),
            "VIGIE_STATE": str(site.folder / "state"),
            "VIGIE_MODELS": model,
            "VIGIE_PORT": str(site.port),
            "VIGIE_METRICS_PORT": str(site.other_ports[0]),
            "VIGIE_WORKERS": str(site.workers),
            **settings,
        }

    return variables


def uvicorn(module: str) -> Command:
    """The `app` of a module among the peers."""
    return lambda site: (
        str(site.programs / "python"), "-m", "uvicorn", f"{module}:app", "--workers", str(WORKERS),
        "--host", "127.0.0.1", "--port", str(site.port), "--no-access-log",
        "--log-level", "warning",
    )  # fmt: skip


def litserve(script: str) -> Command:
    """A program among the peers; it asks for its port by `BENCH_PORT`."""
    return lambda site: (str(site.programs / "python"), str(PEERS / script))


def litserve_variables(site: Site) -> Mapping[str, str]:
    """The port."""
    return {"BENCH_PORT": str(site.port)}


def bentoml(service: str) -> Command:
    """A service of BentoML among the peers, `module:Class`."""
    return lambda site: (
        str(site.programs / "bentoml"), "serve", service, "--host", "127.0.0.1",
        "--port", str(site.port), "--working-dir", str(PEERS),
    )  # fmt: skip


def bentoml_variables(site: Site) -> Mapping[str, str]:
    """A home of its own, and no telemetry."""
    return {"BENTOML_HOME": str(site.folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}


def mlserver(model: Callable[[Site], Mapping[str, Any]], workers: int) -> Command:
    """MLServer, which reads its settings and those of its `model` from files."""

    def command(site: Site) -> Sequence[str]:
        folder = site.folder / "mlserver"
        folder.mkdir()
        ports = dict(zip(("grpc_port", "metrics_port"), site.other_ports, strict=True))
        server = {"host": "127.0.0.1", "http_port": site.port, **ports, "parallel_workers": workers}
        (folder / "settings.json").write_bytes(orjson.dumps({**server, "debug": False}))
        (folder / "model-settings.json").write_bytes(orjson.dumps(dict(model(site))))
        return (str(site.programs / "mlserver"), "start", str(folder))

    return command
