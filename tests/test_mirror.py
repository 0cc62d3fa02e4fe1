"""Tests stand where the module stands that they test."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "ml-app" / "src" / "vigie"
TESTS = ROOT / "tests"
# what several modules do together, and what is no module
ELSEWHERE = {
    "registry/gate/test_malicious.py": "what harms, against the whole gate",
    "serving/api/test_methods.py": "every method on every route",
    "serving/http/test_spoiled_heads.py": "parser and checks, held against what was read before",
    "serving/runtime/test_swap_lock.py": "processes that swap by turns",
}


def test_every_test_of_a_package_is_named_for_a_module() -> None:
    packages = [path.name for path in SOURCE.iterdir() if (TESTS / path.name).is_dir()]
    assert "serving" in packages
    found = {
        path.relative_to(TESTS).as_posix()
        for package in packages
        for path in (TESTS / package).rglob("test_*.py")
    }
    misplaced = {
        name
        for name in found
        if not (SOURCE / name).with_name(Path(name).name.removeprefix("test_")).is_file()
    }
    assert misplaced == set(ELSEWHERE)
