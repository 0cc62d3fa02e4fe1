"""What the process that makes a package may do: `python -m` one of these ends it in that way."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import orjson

WAY = "WAY_OF_ENDING"


def main(folder: Path) -> None:
    """Ends as the environment says."""
    result = folder / "result.json"
    match os.environ[WAY]:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            sys.exit(1)
        case "sleep":
            time.sleep(600)
        case "flood":
            result.write_bytes(b" " * (2**20 + 1))
        case "refuse":
            result.write_bytes(orjson.dumps({"refused": "it holds code"}))
        case "silent":
            pass
        case "make":
            order = orjson.loads((folder / "order.json").read_bytes())
            secret = [name for name in os.environ if name.startswith("MLFLOW_")]
            files = [order["name"], Path(order["root"]).name, str(order["begun"]), *secret]
            result.write_bytes(orjson.dumps({"digest": "d", "files": files}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
