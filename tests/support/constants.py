"""Runs `vigie` with other values of constants, for tests that must come to a limit.

VIGIE_TEST_CONSTANTS='{"vigie.serving.admission.MAX_IN_FLIGHT": 2}' python constants.py serve
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping

VARIABLE = "VIGIE_TEST_CONSTANTS"


def changed(constants: Mapping[str, float]) -> dict[str, str]:
    """The environment in which these constants, by their whole names, have these values."""
    return {VARIABLE: json.dumps(constants)}


def main() -> None:
    """`vigie` of the command line, once the constants are changed; processes that it forks too."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name, value in json.loads(os.environ[VARIABLE]).items():
        module, _, constant = name.rpartition(".")
        found = importlib.import_module(module)
        assert hasattr(found, constant), name
        setattr(found, constant, value)
    from vigie.cli.main import main as vigie

    vigie()


if __name__ == "__main__":
    main()
