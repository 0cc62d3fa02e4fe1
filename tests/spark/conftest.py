"""What Spark leaves behind is gone after each file of tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _clean(collected: None) -> None:
    """So that nobody has to ask for it."""
