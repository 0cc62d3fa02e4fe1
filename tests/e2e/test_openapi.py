"""The OpenAPI document against the real service, in short; the drill asks far more."""

from __future__ import annotations

from pathlib import Path

from support.probe import probe
from support.service import MakeService

EXAMPLES, SEED = 12, 1


def test_the_service_does_what_its_document_says(make_service: MakeService, tmp_path: Path) -> None:
    service = make_service()
    service.start()
    service.wait_ready()
    probe(service, tmp_path, EXAMPLES, SEED)
