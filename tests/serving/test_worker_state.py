"""A worker that stops leaves behind all that it counted."""

from __future__ import annotations

from support.service import samples_of, value_of
from support.worker import loaded
from vigie.monitoring.publisher import exposition
from vigie.monitoring.snapshots import SnapshotFolder
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
