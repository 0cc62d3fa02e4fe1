"""gunicorn runs the workers, by what it documents and by nothing else."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import gunicorn
import pytest

import vigie.serving

GUNICORN = (27, 0)
"""The minor version whose workers, settings and parser these tests have met."""
THEIRS = ("gunicorn", "httptools")
EXTENDED = {"BaseApplication", "Logger", "Worker"}
"""What gunicorn documents that one may make classes of."""
HTTP_LINES = 600


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(vigie.serving.__path__, "vigie.serving."):
        yield importlib.import_module(found.name)


def private_names(source: str) -> set[str]:
    """Private names of gunicorn's, its parser's or a class of theirs that a module reads or sets.

    Also what it patches: any attribute of them that is assigned.
    """
    tree = ast.parse(source)
    theirs: set[str] = set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in THEIRS:
            names = [one.name for one in node.names]
            found |= {name for name in names if name.startswith("_")}
            found |= {part for part in (node.module or "").split(".") if part.startswith("_")}
            theirs |= {one.asname or one.name for one in node.names}
        elif isinstance(node, ast.Import):
            roots = [one for one in node.names if one.name.split(".")[0] in THEIRS]
            theirs |= {one.asname or one.name.split(".")[0] for one in roots}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and _root(node) in theirs):
            continue
        if node.attr.startswith("_") or isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def own_names(kind: type) -> set[str]:
    """The private names of a class and of its objects that our classes must leave alone."""
    found: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.split(".")[0] not in THEIRS:
            continue
        found |= {name for name in vars(base) if name.startswith("_")}
        for node in ast.walk(ast.parse(inspect.cleandoc("\n" + inspect.getsource(base)))):
            if isinstance(node, ast.Attribute) and _root(node) == "self":
                found |= {node.attr} if node.attr.startswith("_") else set()
    return {name for name in found if not name.startswith("__")}


def test_nothing_of_ours_uses_what_gunicorn_keeps_to_itself() -> None:
    extended = []
    for module in modules():
        source = inspect.getsource(module)
        assert private_names(source) == set(), module.__name__
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                theirs = own_names(kind)
                used = {
                    node.attr
                    for node in ast.walk(ast.parse(inspect.getsource(kind)))
                    if isinstance(node, ast.Attribute)
                } | set(vars(kind))
                assert used & theirs == set(), kind
                extended += [b for b in kind.__bases__ if b.__module__.startswith("gunicorn.")]
    assert {kind.__name__ for kind in extended} == EXTENDED


@pytest.mark.parametrize(
    "source",
    [
        "from gunicorn.asgi.protocol import _get_cached_date_header",
        "from gunicorn.asgi import protocol\nprotocol._CACHED_SERVER_HEADER = b''",
        "from gunicorn.workers import base\nbase.Worker.notify = None",
        "import httptools\nhttptools._parser.HttpParser",
        "from httptools._parser import HttpParser",
    ],
)
def test_a_private_name_is_found(source: str) -> None:
    assert private_names(source)


def test_gunicorn_is_the_one_that_was_met() -> None:
    assert gunicorn.version_info[:2] == GUNICORN


def test_the_transport_stays_small() -> None:
    room = importlib.import_module("vigie.serving.http")
    lines = [
        len(Path(room.__path__[0], f"{one.name}.py").read_text(encoding="utf-8").splitlines())
        for one in pkgutil.iter_modules(room.__path__)
    ]
    assert sum(lines) <= HTTP_LINES
