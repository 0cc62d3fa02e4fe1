"""The imports of the package among its own modules, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

Graph = Mapping[str, frozenset[str]]
"""The modules that each module imports."""


def graph_of(package: Path, lazy: bool) -> Graph:
    """The imports that happen when a module is imported; those inside functions too if `lazy`.

    What only type checkers import is left out: it never happens.
    """
    sources = {_name_of(package, path): path for path in package.rglob("*.py")}
    return {
        name: frozenset(_imported(ast.parse(path.read_bytes()), sources, lazy)) - {name}
        for name, path in sources.items()
    }


def longest_chain(graph: Graph) -> list[str]:
    """The longest chain of imports, from the top. Raises `graphlib.CycleError` on a cycle."""
    chains: dict[str, list[str]] = {}
    for name in TopologicalSorter(graph).static_order():
        below = max((chains[one] for one in graph[name]), key=len, default=[])
        chains[name] = [name, *below]
    return max(chains.values(), key=len)


def _name_of(package: Path, path: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _imported(tree: ast.AST, modules: Mapping[str, object], lazy: bool) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not lazy:
                continue
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name in modules)
            case ast.ImportFrom(module=str(module), names=names):
                for each in names:
                    whole = f"{module}.{each.name}"
                    if whole in modules or module in modules:
                        yield whole if whole in modules else module
            case _:
                yield from _imported(node, modules, lazy)
                continue
        yield from _imported(node, modules, lazy)
