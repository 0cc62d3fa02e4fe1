"""The stack is brought up once for the folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import kubernetes_stack


@pytest.fixture(scope="package")
def cluster() -> Iterator[float]:
    """The stack; the seconds from `apply` to every pod ready, the first training included."""
    with kubernetes_stack.brought_up() as seconds:
        yield seconds
