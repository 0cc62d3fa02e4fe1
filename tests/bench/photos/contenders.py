"""Who answers photos: each is sent them as its own guide has it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson
from urllib3.filepost import encode_multipart_formdata

from bench import commands
from bench.contender import Body, Contender, Site

MODEL = "scenes"
LABELS = ("forest", "coast", "street")


def _file(photo: bytes) -> Body:
    return Body(photo, "image/jpeg")


def _form(name: str, photo: bytes) -> Body:
    data, media_type = encode_multipart_formdata({name: ("photo.jpg", photo, "image/jpeg")})
    return Body(data, media_type)


def _text(photo: bytes) -> str:
    return base64.b64encode(photo).decode()


def _inference_request(photo: bytes) -> Body:
    """V2, with the content type that tells MLServer to read base64."""
    image = {
        "name": "image",
        "shape": [1, 1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [_text(photo)],
    }
    return Body(orjson.dumps({"inputs": [image]}))


def _mlserver_model(site: Site) -> Mapping[str, Any]:
    return {"name": MODEL, "implementation": "mlserver_photos.Scenes"}


def _scores(answer: Any) -> list[float]:
    (one,) = answer["predictions"]
    return [one["scores"][label] for label in LABELS]


def _first(answer: Any) -> list[float]:
    (scores,) = answer
    return list(scores)


CONTENDERS = (
    Contender(
        "vigie", "Vigie", "`vigie serve`, 2 workers, every feature on; the file as body",
        commands.vigie_serve, _file, _scores, f"/predict/{MODEL}",
        variables=commands.vigie_variables(MODEL),
    ),
    Contender(
        "fastapi-onnx", "FastAPI + ONNX Runtime",
        "uvicorn, 2 workers, `UploadFile`, `async` handler",
        commands.uvicorn("fastapi_photos"), lambda photo: _form("file", photo),
        lambda answer: list(answer["scores"]), environment="web",
    ),
    Contender(
        "litserve", "LitServe",
        "2 workers, 2 API servers, `fast_queue`, base64 in JSON, batches decoded by threads",
        commands.litserve("litserve_photos.py"),
        lambda photo: Body(orjson.dumps({"image_data": _text(photo)})),
        lambda answer: list(answer["scores"]), environment="web",
        variables=commands.litserve_variables,
    ),
    Contender(
        "bentoml", "BentoML", "2 workers, a list of `PIL.Image` as a form, adaptive batching",
        commands.bentoml("bentoml_photos:Scenes"), lambda photo: _form("images", photo), _first,
        "/classify", "bentoml", commands.bentoml_variables,
    ),
    Contender(
        "mlserver", "MLServer", "custom runtime, `parallel_workers` 2, base64 in V2",
        commands.mlserver(_mlserver_model, 2), _inference_request,
        lambda answer: list(answer["outputs"][0]["data"]), f"/v2/models/{MODEL}/infer", "mlserver",
    ),
)  # fmt: skip
