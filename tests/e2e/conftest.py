"""One real MLflow server for all that ask it on one worker, one browser for a file, a service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from support.browser import chromium
from support.real_mlflow import RealMlflow, real_mlflow
from support.service import LiveService, MakeService


@pytest.fixture(scope="session")
def _mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMlflow]:
    with real_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="module")
def mlflow(_mlflow_server: RealMlflow) -> Iterator[RealMlflow]:
    """A real MLflow server that holds nothing when the first test of a file begins."""
    yield _mlflow_server
    _mlflow_server.empty()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def service(make_service: MakeService) -> LiveService:
    """A service of one worker, ready; some files have one of their own."""
    service = make_service(VIGIE_WORKERS="1")
    service.start()
    service.wait_ready()
    return service
