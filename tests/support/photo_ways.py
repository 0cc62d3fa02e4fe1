"""Every way in which a photo reaches a service, and the scores that come back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from urllib3.filepost import encode_multipart_formdata

from support.photos import in_base64
from support.worker import JSON

Way = tuple[str, bytes, dict[str, str]]
"""Path, body, headers."""


def photo_ways(model: str, photo: bytes) -> dict[str, Way]:
    """The requests that ask `model`, the first of a service, about one photo, input `photo`."""
    form, form_type = encode_multipart_formdata([("photo", ("a.jpg", photo, "image/jpeg"))])
    row = in_base64(photo)
    data = len(photo).to_bytes(4, "little") + photo
    tensor = {"name": "photo", "shape": [1], "datatype": "BYTES"}
    head = _json(inputs=[{**tensor, "parameters": {"binary_data_size": len(data)}}])
    length = {"Inference-Header-Content-Length": str(len(head))}
    native, v1 = f"/predict/{model}", f"/v1/models/{model}:predict"
    v2 = f"/v2/models/{model}/infer"
    return {
        "the first model": ("/predict", photo, {"Content-Type": "image/jpeg"}),
        "body": (native, photo, {"Content-Type": "application/octet-stream"}),
        "form": (native, form, {"Content-Type": form_type}),
        "base64": (native, _json(photo=row), {"Content-Type": JSON}),
        "TensorFlow Serving, rows": (v1, _json(instances=[row]), {}),
        "TensorFlow Serving, columns": (v1, _json(inputs={"photo": [row]}), {}),
        "MLflow": ("/invocations", _json(dataframe_records=[{"photo": row}]), {}),
        "V2": (v2, _json(inputs=[{**tensor, "data": [row["b64"]]}]), {}),
        "V2, binary": (v2, head + data, length),
    }


def scores_in(said: dict[str, Any]) -> list[float]:
    """The scores of the first row, in any of the dialects."""
    row = (said.get("predictions") or said["outputs"])[0]
    if isinstance(row, dict):
        found = row.get("scores") or row.get("data") or row
        return list(found.values() if isinstance(found, dict) else found)
    return list(row)


def scores_in_table(table: Path) -> dict[str, list[float]]:
    """By the name of a photo, all its scores in what `vigie batch --scores` wrote."""
    with table.open(newline="") as lines:
        return {
            row["name"]: [float(row[name]) for name in row if name.startswith("score_")]
            for row in csv.DictReader(lines)
        }


def _json(**content: Any) -> bytes:
    return json.dumps(content).encode()
