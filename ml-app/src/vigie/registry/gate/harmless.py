"""Refuses packages that carry code for others to run: Vigie runs none, a notebook might."""

from __future__ import annotations

import re
from pathlib import Path

from vigie.errors import RefusedPackage

_CODE = frozenset(
    {
        ".cloudpickle", ".dill", ".dll", ".dylib", ".joblib", ".pickle", ".pkl", ".pth", ".pt",
        ".py", ".pyc", ".sh", ".so",
    }
)  # fmt: skip
_MODULE = re.compile(rb"""(?:keras|loader)_module["']?\s*:\s*["']?([^\s"',}]*)""")
_KNOWN = frozenset({b"keras", b"tensorflow.keras", b"mlflow.keras", b"mlflow.tensorflow"})
_MOST_BYTES = 2**20


def check_harmless(root: Path) -> None:
    """Refuses pickles, programs, and an `MLmodel` that names a module that is not Keras' own.

    `MLmodel` is searched as text: a parser is more than its fields deserve.
    """
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in _CODE:
            raise RefusedPackage(f"the package holds code or a pickle: {path.name}")
    for name in ("MLmodel", "data/keras_module.txt"):
        path = root / name
        if not path.is_file():
            continue
        if path.stat().st_size > _MOST_BYTES:
            raise RefusedPackage(f"{name} is larger than {_MOST_BYTES} bytes")
        text = path.read_bytes()
        named = set(_MODULE.findall(text)) if name == "MLmodel" else {text.strip()}
        if named - _KNOWN:
            raise RefusedPackage(f"{name} names a module to import")
