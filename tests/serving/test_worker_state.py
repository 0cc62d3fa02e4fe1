"""A worker that stops leaves behind all that it counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.colours_package import install_colours
from support.packages import install
from support.service import samples_of, value_of
from support.worker import loaded
from vigie.monitoring.publisher import exposition
from vigie.monitoring.snapshots import SnapshotFolder
from vigie.registry.cache import ModelCache
from vigie.serving.worker_state import snapshot_folder
from vigie.settings import Settings


def test_what_was_counted_last_is_there_when_close_returns(settings: Settings) -> None:
    folder = SnapshotFolder(snapshot_folder(settings))
    folder.clear()
    worker_state = loaded(settings)
    worker_state.start()
    for _ in range(7):
        worker_state.metrics.http.count_request("POST", "/predict", 200, 0.003)
    worker_state.close()
    text, _ = exposition(folder.total(), "")
    assert value_of(samples_of(text.decode()), "vigie_http_requests_total", route="/predict") == 7


@pytest.mark.parametrize("photos", [True, False])
def test_what_photos_need_is_there_before_the_first_where_a_model_takes_them(
    tmp_path: Path, photos: bool
) -> None:
    """Two threads that import the same at once may each find half of it."""
    cache = ModelCache(tmp_path / "cache")
    if photos:
        install_colours(cache, "housing")
    else:
        install(cache, "housing")
    program = (
        "import sys\n"
        "from vigie.serving.worker_state import assemble\n"
        "from vigie.settings import load_settings\n"
        "assemble(load_settings()).start()\n"
        "print('vigie.serving.dialects.uploads' in sys.modules, flush=True)\n"
        "import os; os._exit(0)\n"
    )
    environment = {
        "VIGIE_CACHE": str(cache.folder), "VIGIE_STATE": str(tmp_path), "VIGIE_MODELS": "housing",
    }  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment},
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert told.strip() == str(photos)
