"""The versions of the stack on a cluster of tests, as its own model-sync is told of them."""

from __future__ import annotations

from support.kubernetes_stack import run_in

_TOLD = """\
import sys
from vigie.registry.operate import OperatorClient
from vigie.settings import load_settings
client = OperatorClient.of(load_settings())
word, model, alias, *version = sys.argv[1:]
if word == "newest":
    print(client.versions(model)[0].version)
elif word == "which":
    print(client.version_of(model, alias).version)
elif word == "unpoint":
    client.unpoint(model, alias)
else:
    client.point(model, alias, *version)
"""


def newest(model: str) -> str:
    """The number of the version that was registered last."""
    return _told("newest", model, "")


def version_of(model: str, alias: str = "champion") -> str:
    """The number of the version that an alias names."""
    return _told("which", model, alias)


def point(model: str, version: str, alias: str = "champion") -> None:
    """Gives an alias to a version."""
    _told("point", model, alias, version)


def unpoint(model: str, alias: str) -> None:
    """Takes an alias away."""
    _told("unpoint", model, alias)


def _told(*words: str) -> str:
    return run_in("model-sync", "follow", _TOLD, *words).strip()
