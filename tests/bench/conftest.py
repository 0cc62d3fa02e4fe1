"""What servers without a model repeat."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from bench.forms import Forms, Question
from bench.rows.loads import BULK_ROWS, ONE_ROW

ROWS = 100


@pytest.fixture
def forms(tmp_path: Path) -> Forms:
    """No model, but what a server with one would say."""
    answers = [1.5] * ROWS
    row = {"surface_m2": 54.0, "district": "district_01"}
    asked = {ONE_ROW: Question([row], answers[:1]), BULK_ROWS: Question([row] * ROWS, answers)}
    forms = Forms(tmp_path / "model", asked)
    forms.bodies.mkdir(parents=True)
    for name, question in asked.items():
        told = orjson.dumps({"predictions": question.answers})
        (forms.bodies / f"{name}.json").write_bytes(told)
    return forms
