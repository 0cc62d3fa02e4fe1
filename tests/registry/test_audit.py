from __future__ import annotations

import getpass
import os

import pytest

from vigie.registry.audit import who_am_i


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert who_am_i().startswith(f"{os.getuid()}@")
