"""Thousands of questions to every operation of the OpenAPI document, without and with keys."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from support.probe import probe
from support.service import MakeService
from vigie.serving.auth.apikeys import add_key
from vigie.settings import load_settings

EXAMPLES = 2000


@pytest.mark.parametrize("keys", [False, True], ids=["open", "keys"])
def test_the_service_does_what_its_document_says(
    make_service: MakeService, tmp_path: Path, keys: bool
) -> None:
    key, environment = "", {}
    if keys:
        settings = load_settings(api_keys=tmp_path / "keys", audit_log=tmp_path / "audit.log")
        key = add_key(settings, "drill", None)
        environment["VIGIE_API_KEYS"] = str(tmp_path / "keys")
    service = make_service(**environment)
    service.start()
    service.wait_ready()
    probe(service, tmp_path, EXAMPLES, secrets.randbelow(2**32), key)
    assert "Traceback" not in service.log.read_text()
