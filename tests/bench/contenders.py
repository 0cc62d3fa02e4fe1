"""Who is measured: how each is started, what it is asked, how its answers are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.failure import Failure
from bench.forms import Forms
from bench.homes import MODEL, NUMBERS, TEXTS

WORKERS = 2
LIMIT = "raw-asgi"
PEERS = Path(__file__).parent / "peers"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Site:
    """Where one server runs: its environment's programs, a folder of its own, ports, the model."""

    programs: Path
    folder: Path
    port: int
    other_ports: tuple[int, int]
    forms: Forms


def _instances(rows: Sequence[Row]) -> bytes:
    return orjson.dumps({"instances": rows})


def _predictions(answer: Any) -> list[float]:
    return list(answer["predictions"])


def _nothing(site: Site) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Contender:
    """One server. `environment` names a folder of `peers`; without, it is the project's own.

    `setting` says for readers how it runs. `says` is None where answers are not predictions.
    """

    name: str
    title: str
    setting: str
    command: Callable[[Site], Sequence[str]]
    path: str = "/predict"
    environment: str | None = None
    asks: Callable[[Sequence[Row]], bytes] = _instances
    says: Callable[[Any], list[float]] | None = _predictions
    variables: Callable[[Site], Mapping[str, str]] = field(default=_nothing)

    @property
    def is_peer(self) -> bool:
        """True for the work of others that serves the model."""
        return self.environment is not None


# --- Vigie


def _serve(site: Site) -> Sequence[str]:
    return (sys.executable, "-m", "vigie", "serve")


def _vigie_variables(**settings: str) -> Callable[[Site], Mapping[str, str]]:
    def variables(site: Site) -> Mapping[str, str]:
        return {
            "VIGIE_CACHE": str(site.forms.cache),
            "VIGIE_STATE": str(site.folder / "state"),
            "VIGIE_MODELS": MODEL,
            "VIGIE_PORT": str(site.port),
            "VIGIE_METRICS_PORT": str(site.other_ports[0]),
            "VIGIE_WORKERS": str(WORKERS),
            **settings,
        }

    return variables


def _prices(answer: Any) -> list[float]:
    return [one["price"] for one in answer["predictions"]]


def _vigie(name: str, title: str, setting: str, **settings: str) -> Contender:
    return Contender(
        name, title, setting, _serve, f"/predict/{MODEL}",
        says=_prices, variables=_vigie_variables(**settings),
    )  # fmt: skip


# --- peers


def _gunicorn_asgi(site: Site) -> Sequence[str]:
    return (
        sys.executable, "-m", "gunicorn", "-k", "asgi", "--asgi-loop", "uvloop", "-w", str(WORKERS),
        "--no-control-socket", "-b", f"127.0.0.1:{site.port}", "nothing:app",
    )  # fmt: skip


def _gunicorn_sync(site: Site) -> Sequence[str]:
    return (
        str(site.programs / "python"), "-m", "gunicorn", "-k", "sync", "-w", str(WORKERS),
        "--timeout", "120", "--no-control-socket", "-b", f"127.0.0.1:{site.port}",
        "flask_predict:app",
    )  # fmt: skip


def _uvicorn(module: str) -> Callable[[Site], Sequence[str]]:
    return lambda site: (
        str(site.programs / "python"), "-m", "uvicorn", f"{module}:app", "--workers", str(WORKERS),
        "--host", "127.0.0.1", "--port", str(site.port), "--no-access-log",
        "--log-level", "warning",
    )  # fmt: skip


def _litserve(site: Site) -> Sequence[str]:
    return (str(site.programs / "python"), str(PEERS / "litserve_server.py"))


def _litserve_variables(site: Site) -> Mapping[str, str]:
    return {"BENCH_PORT": str(site.port)}


def _bentoml(site: Site) -> Sequence[str]:
    return (
        str(site.programs / "bentoml"), "serve", "bentoml_service:Homes", "--host", "127.0.0.1",
        "--port", str(site.port), "--working-dir", str(PEERS),
    )  # fmt: skip


def _bentoml_variables(site: Site) -> Mapping[str, str]:
    return {"BENTOML_HOME": str(site.folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}


def _mlflow(site: Site) -> Sequence[str]:
    return (
        str(site.programs / "mlflow"), "models", "serve", "-m", str(site.forms.pyfunc),
        "--env-manager", "local", "--host", "127.0.0.1", "-p", str(site.port), "-w", str(WORKERS),
    )  # fmt: skip


def _split_frame(rows: Sequence[Row]) -> bytes:
    columns = [*NUMBERS, *TEXTS]
    data = [[row[name] for name in columns] for row in rows]
    return orjson.dumps({"dataframe_split": {"columns": columns, "data": data}})


def _mlserver(site: Site) -> Sequence[str]:
    """MLServer reads its settings from files."""
    folder = site.folder / "mlserver"
    folder.mkdir()
    ports = dict(zip(("grpc_port", "metrics_port"), site.other_ports, strict=True))
    server = {"host": "127.0.0.1", "http_port": site.port, **ports, "parallel_workers": 0}
    model = {
        "name": MODEL,
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(site.forms.pyfunc)},
        "max_batch_size": 64,
        "max_batch_time": 0.001,
    }
    (folder / "settings.json").write_bytes(orjson.dumps({**server, "debug": False}))
    (folder / "model-settings.json").write_bytes(orjson.dumps(model))
    return (str(site.programs / "mlserver"), "start", str(folder))


def _inference_request(rows: Sequence[Row]) -> bytes:
    def column(name: str) -> dict[str, Any]:
        text = name in TEXTS
        return {
            "name": name,
            "shape": [len(rows), 1],
            "datatype": "BYTES" if text else "FP64",
            "data": [row[name] for row in rows],
            **({"parameters": {"content_type": "str"}} if text else {}),
        }

    inputs = [column(name) for name in (*NUMBERS, *TEXTS)]
    return orjson.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs})


CONTENDERS = (
    _vigie("vigie", "Vigie", "`vigie serve`, 2 workers, every feature on"),
    _vigie(
        "vigie-flask", "Vigie, by Flask", "the same with `VIGIE_FAST_LANE=off`",
        VIGIE_FAST_LANE="off",
    ),
    _vigie(
        "tensorflow-engine", "Vigie, TensorFlow engine", "the same with `VIGIE_ENGINE=tensorflow`",
        VIGIE_ENGINE="tensorflow",
    ),
    Contender(
        LIMIT, "raw ASGI, no model",
        "gunicorn's asgi worker, uvloop, 2 workers; reads the body, answers as much as Vigie",
        _gunicorn_asgi, says=None,
    ),
    Contender(
        "fastapi-onnx", "FastAPI + ONNX Runtime", "uvicorn, 2 workers, `async` handler",
        _uvicorn("fastapi_onnx"), environment="web",
    ),
    Contender(
        "fastapi-tensorflow", "FastAPI + TensorFlow",
        "uvicorn, 2 workers, `async` handler, concrete function",
        _uvicorn("fastapi_tensorflow"), environment="web",
    ),
    Contender(
        "bentoml", "BentoML", "2 workers, adaptive batching, concrete function",
        _bentoml, environment="bentoml", says=list, variables=_bentoml_variables,
    ),
    Contender(
        "litserve", "LitServe", "2 workers, 2 API servers, `fast_queue`, concrete function",
        _litserve, environment="web", variables=_litserve_variables,
    ),
    Contender(
        "mlserver", "MLServer",
        "MLflow runtime, `parallel_workers` 0, adaptive batching, pyfunc, concrete function",
        _mlserver, f"/v2/models/{MODEL}/infer", "mlserver", _inference_request,
        lambda answer: list(answer["outputs"][0]["data"]),
    ),
    Contender(
        "mlflow", "mlflow models serve", "`-w 2 --env-manager local`, pyfunc, concrete function",
        _mlflow, "/invocations", "mlflow", _split_frame,
    ),
    Contender(
        "flask-predict", "Flask + model.predict", "gunicorn's sync worker, 2 workers",
        _gunicorn_sync, environment="web",
    ),
)  # fmt: skip


def choose(names: str) -> Sequence[Contender]:
    """The contenders of these names, comma-separated, and raw ASGI; all where there are none."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    known = [contender.name for contender in CONTENDERS]
    unknown = sorted(wanted.difference(known))
    if unknown:
        raise Failure(f"CONTENDERS: no {', '.join(unknown)}; there are {', '.join(known)}")
    if not wanted:
        return CONTENDERS
    return [one for one in CONTENDERS if one.name in wanted | {LIMIT}]
