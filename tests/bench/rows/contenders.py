"""Who answers table rows."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from bench import commands
from bench.contender import PEERS, WORKERS, Body, Contender, Site
from bench.rows.homes import MODEL, NUMBERS, TEXTS

RAW, LIMIT = "raw-asgi", "own-protocol"
"""Those without a model: a web server, and the least that one can be."""
Rows = Sequence[Mapping[str, Any]]


def _instances(rows: Rows) -> Body:
    return Body(orjson.dumps({"instances": rows}))


def _predictions(answer: Any) -> list[float]:
    return list(answer["predictions"])


def _prices(answer: Any) -> list[float]:
    return [one["price"] for one in answer["predictions"]]


def _vigie(name: str, title: str, setting: str, **settings: str) -> Contender:
    return Contender(
        name, title, setting, commands.vigie_serve, _instances, _prices, f"/predict/{MODEL}",
        variables=commands.vigie_variables(MODEL, **settings),
    )  # fmt: skip


# --- peers


def _gunicorn_asgi(site: Site) -> Sequence[str]:
    return (
        sys.executable, "-m", "gunicorn", "-k", "asgi", "--asgi-loop", "uvloop",
        # what it has of itself: the other one is an extra, and here because Vigie needs it
        "--http-parser", "python", "-w", str(site.workers), "--no-control-socket",
        "-b", f"127.0.0.1:{site.port}", "nothing:app",
    )  # fmt: skip


def _own_protocol(site: Site) -> Sequence[str]:
    program = str(PEERS / "nothing_protocol.py")
    return (sys.executable, program, str(site.port), str(site.workers))


def _gunicorn_sync(site: Site) -> Sequence[str]:
    return (
        str(site.programs / "python"), "-m", "gunicorn", "-k", "sync", "-w", str(WORKERS),
        "--timeout", "120", "--no-control-socket", "-b", f"127.0.0.1:{site.port}",
        "flask_predict:app",
    )  # fmt: skip


def _mlflow(site: Site) -> Sequence[str]:
    return (
        str(site.programs / "mlflow"), "models", "serve", "-m", str(site.forms.pyfunc),
        "--env-manager", "local", "--host", "127.0.0.1", "-p", str(site.port), "-w", str(WORKERS),
    )  # fmt: skip


def _split_frame(rows: Rows) -> Body:
    columns = [*NUMBERS, *TEXTS]
    data = [[row[name] for name in columns] for row in rows]
    return Body(orjson.dumps({"dataframe_split": {"columns": columns, "data": data}}))


def _mlserver_model(site: Site) -> Mapping[str, Any]:
    return {
        "name": MODEL,
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(site.forms.pyfunc)},
        "max_batch_size": 64,
        "max_batch_time": 0.001,
    }


def _inference_request(rows: Rows) -> Body:
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
    return Body(orjson.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}))


def _outputs(answer: Any) -> list[float]:
    return list(answer["outputs"][0]["data"])


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
        RAW, "raw ASGI, no model",
        "gunicorn's asgi worker, its parser in Python, uvloop, 2 workers; reads the body, answers "
        "as much as Vigie",
        _gunicorn_asgi, _instances, None,
    ),
    Contender(
        LIMIT, "own protocol, no model",
        "a protocol of asyncio on Vigie's parser, uvloop, 2 processes; the same and nothing else",
        _own_protocol, _instances, None,
    ),
    Contender(
        "fastapi-onnx", "FastAPI + ONNX Runtime", "uvicorn, 2 workers, `async` handler",
        commands.uvicorn("fastapi_onnx"), _instances, _predictions, environment="web",
    ),
    Contender(
        "fastapi-tensorflow", "FastAPI + TensorFlow",
        "uvicorn, 2 workers, `async` handler, concrete function",
        commands.uvicorn("fastapi_tensorflow"), _instances, _predictions, environment="web",
    ),
    Contender(
        "bentoml", "BentoML", "2 workers, adaptive batching, concrete function",
        commands.bentoml("bentoml_service:Homes"), _instances, list, environment="bentoml",
        variables=commands.bentoml_variables,
    ),
    Contender(
        "litserve", "LitServe", "2 workers, 2 API servers, `fast_queue`, concrete function",
        commands.litserve("litserve_server.py"), _instances, _predictions, environment="web",
        variables=commands.litserve_variables,
    ),
    Contender(
        "mlserver", "MLServer",
        "MLflow runtime, `parallel_workers` 0, adaptive batching, pyfunc, concrete function",
        commands.mlserver(_mlserver_model, 0), _inference_request, _outputs,
        f"/v2/models/{MODEL}/infer", "mlserver",
    ),
    Contender(
        "mlflow", "mlflow models serve", "`-w 2 --env-manager local`, pyfunc, concrete function",
        _mlflow, _split_frame, _predictions, "/invocations", "mlflow",
    ),
    Contender(
        "flask-predict", "Flask + model.predict", "gunicorn's sync worker, 2 workers",
        _gunicorn_sync, _instances, _predictions, environment="web",
    ),
)  # fmt: skip
