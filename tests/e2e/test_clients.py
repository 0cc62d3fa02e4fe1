"""Clients that others wrote get their predictions from a real service."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.service import LiveService
from support.worker import HOME

PRICE = 164500.0
MLFLOW = Path(__file__).parents[2] / "mlflow" / ".venv" / "bin" / "python"
ASK_MLFLOW = """
import sys
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1]))
client.wait_server_ready(timeout=60)
row = {"surface_m2": 54.0, "rooms": 3, "property_type": "apartment"}
table = pd.DataFrame([row, {**row, "rooms": 4}])
print(client.get_version())
print(client.invoke(table).get_predictions().values.ravel().tolist())
print(client.invoke([row, row]).get_predictions().values.ravel().tolist())
try:
    client.invoke(table.assign(rooms=99))
except Exception as refused:
    print(refused)
"""


def test_mlflows_scoring_client(service: LiveService) -> None:
    if not MLFLOW.exists():
        pytest.skip("mlflow/.venv is missing; `make test` makes it")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.run(
        [MLFLOW, "-c", ASK_MLFLOW, str(service.port)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    version, table, records, refused = said.stdout.splitlines()
    assert version == service.get("/version").body.decode()
    assert table == f"[{PRICE}, {PRICE + 1000}]"
    assert records == f"[{PRICE}, {PRICE}]"
    assert "error code 400" in refused
    assert "INVALID_PARAMETER_VALUE" in refused


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tritons_client(service: LiveService) -> None:
    triton = pytest.importorskip("tritonclient.http")
    client = triton.InferenceServerClient(f"127.0.0.1:{service.port}")
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("housing")
        assert client.is_model_ready("housing", "1")
        assert not client.is_model_ready("housing", "2")
        metadata = client.get_model_metadata("housing")
        assert [one["name"] for one in metadata["inputs"]][:3] == list(HOME)
        for binary in (True, False):
            check_tensors(triton, client, binary)
        with pytest.raises(triton.InferenceServerException, match="expected one of"):
            client.infer("housing", [a_tensor(triton, "castle", "FP32", np.zeros(1, "f4"), True)])
    finally:
        client.close()


def check_tensors(triton: Any, client: Any, binary: bool) -> None:
    values: dict[str, tuple[str, Any]] = {
        "surface_m2": ("FP32", np.array([54, 54], np.float32)),
        "rooms": ("INT64", np.array([3, 4], np.int64)),
        "property_type": ("BYTES", np.array(["apartment"] * 2, dtype=object)),
    }
    inputs = [
        a_tensor(triton, name, datatype, array, binary)
        for name, (datatype, array) in values.items()
    ]
    outputs = [triton.InferRequestedOutput("price_eur", binary_data=binary)]
    for asked in (outputs, None):
        answer = client.infer("housing", inputs, outputs=asked, request_id="seven")
        assert answer.as_numpy("price_eur").tolist() == [PRICE, PRICE + 1000]
        assert answer.get_response()["id"] == "seven"


def a_tensor(triton: Any, name: str, datatype: str, array: np.ndarray, binary: bool) -> Any:
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made
