"""Where things lie: URIs of any storage, and the paths of this machine among them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from vigie.errors import DataError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_MAGIC = re.compile(r"([{}\[\]*?\\])")
_SECRET = re.compile(r"//[^/@]*@")


def uri_of(location: str) -> str:
    """The URI of what a person writes: what has no scheme is a path of this machine."""
    if not location:
        raise DataError("an empty location: give a folder or a URI")
    if _SCHEME.match(location):
        if _SECRET.search(location):
            raise DataError("a URI holds no key or password: give them by the environment")
        if (path := local_path(location)) is None:
            return location.rstrip("/")
        location = str(path)
    return f"file:{os.path.abspath(location)}"  # noqa: PTH100


def is_uri(text: str) -> bool:
    """True for a text that begins with a scheme."""
    return _SCHEME.match(text) is not None


def local_path(uri: str) -> Path | None:
    """The path of a `file:` URI; nothing for another."""
    if not uri.startswith("file:/"):
        return None
    return Path(re.sub("^/+", "/", uri.removeprefix("file:")))


def require_apart(source: str, output: str, own: Iterable[str]) -> None:
    """Refuses an output that lies in the input: a later run would take it for a part of that.

    And an input in a folder of the output that is Vigie's `own`: it would be deleted.
    """
    source, output = _followed(source), _followed(output)
    if _lies_in(output, source):
        raise DataError("OUTPUT lies in the input: name a folder beside it")
    for name in own:
        if _lies_in(source, _followed(f"{output}/{name}")):
            raise DataError(
                f"the input lies in the folder {name} of OUTPUT, which is written anew: name "
                "another OUTPUT"
            )


def _lies_in(uri: str, folder: str) -> bool:
    return uri == folder or uri.startswith(f"{folder}/")


def _followed(uri: str) -> str:
    """The URI without a link on this machine's disks."""
    path = local_path(uri)
    return uri.rstrip("/") if path is None else f"file:{path.resolve()}"


def literal(uri: str) -> str:
    """The URI for a reader of Spark, which takes brackets and stars for patterns."""
    return _MAGIC.sub(r"\\\1", uri)
