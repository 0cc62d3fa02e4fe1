"""A plugin of pytest-xdist's: how many workers, which tests go to one together, which go first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

# they ask one MLflow server, which takes long to start
TOGETHER = {
    f"tests/e2e/test_{name}.py": "the real MLflow"
    for name in ("registry", "retraining", "training")
}
SPARK = "tests/spark"
"""These share one Java, which takes long to start, too."""
# a long file that begins last is what all other workers wait for
LONG = (
    "the real MLflow", SPARK, "tests/ansible", "tests/bench/photos", "tests/e2e", "tests/iac",
    "tests/predictionlog", "tests/registry", "tests/registry/gate", "tests/training",
    "tests/training/imported", "tests/training/photos",
)  # fmt: skip


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a test that waits for a service leaves its core idle."""
    return (psutil.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Callable[..., None]
) -> LoadScopeScheduling:
    """By file."""
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """What a file shares is made once, and long files begin first."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return SPARK if file.startswith(f"{SPARK}/") else TOGETHER.get(file, file)

    def _assign_work_unit(self, node: object) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=self._weight), last=False)
        super()._assign_work_unit(node)

    def _weight(self, scope: str) -> tuple[bool, int]:
        is_long = scope in LONG or str(PurePosixPath(scope).parent) in LONG
        return is_long, len(self.workqueue[scope])
