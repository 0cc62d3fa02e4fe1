"""The image `vigie-batch`: photos of one mounted folder, predictions.csv in the other.

    docker run -v $PWD/data_inputs:/home/app/data_inputs \\
               -v $PWD/data_outputs:/home/app/data_outputs -i imageprediction

Started as root it becomes the owner of `data_outputs` before it looks at anything. With arguments
it is `vigie batch` with these.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from vigie.batch.privileges import become_owner
from vigie.errors import ConfigurationError, NotFound, VigieError
from vigie.sandbox import landlock
from vigie.settings import load_settings

HOME = Path("/home/app")
OUTPUT = "predictions.csv"
NOTHING_USABLE = 2
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/opt")
_SCRATCH = (Path("/tmp"), Path("/dev/shm"))  # noqa: S108
_WAYS = (
    "there is no model. Build one in: docker build --build-arg MODEL=model, the folder of a "
    "package in the folder that is built; or mount one at /home/app/model; or mount the cache of "
    "the stack: -v vigie_cache:/var/cache/vigie:ro"
)


def main(arguments: Sequence[str], home: Path = HOME) -> NoReturn:
    """Becomes who it should be, and then the command; ends with 2 where it cannot."""
    try:
        outputs = home / "data_outputs"
        become_owner(outputs)
        scratch = _scratch(outputs)
        words = list(arguments) or _classic(home)
    except VigieError as failure:
        sys.stderr.write(f"vigie: {failure}\n")
        sys.exit(NOTHING_USABLE)
    # the same process goes on: signals reach the command, and its exit code is the container's
    command = [sys.executable, "-m", "vigie", "batch", *words]
    os.execve(sys.executable, command, {**os.environ, "TMPDIR": str(scratch)})  # noqa: S606


def _classic(home: Path) -> list[str]:
    """The arguments of a run that was given none; leaves the process the files that it needs."""
    inputs, outputs = home / "data_inputs", home / "data_outputs"
    _check_folders(inputs, outputs)
    try:
        model = _model(home)
    except PermissionError:
        raise ConfigurationError(
            f"the model cannot be read by user {os.getuid()}: chmod -R a+rX its folder"
        ) from None
    cache = load_settings().cache
    own = (sys.prefix, sys.base_prefix, *filter(None, sys.path))
    readable = [home, cache, *(Path(path).resolve() for path in own), *map(Path, _SYSTEM)]
    landlock.keep_files(readable, [outputs, Path("/dev/null"), *_SCRATCH])
    return [model, str(inputs), str(outputs / OUTPUT)]


def _check_folders(inputs: Path, outputs: Path) -> None:
    if not os.access(inputs, os.R_OK | os.X_OK):
        raise ConfigurationError(
            f"data_inputs cannot be read by user {os.getuid()}, to whom data_outputs belongs: "
            "chmod a+rX data_inputs"
        )
    if not os.access(outputs, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"data_outputs cannot be written by user {os.getuid()}: give it to yourself "
            '(sudo chown "$(id -u):$(id -g)" data_outputs), or start with '
            '--user "$(id -u):$(id -g)"'
        )


def _model(home: Path) -> str:
    """The folder of a package, or the name of the one model of photos in the cache."""
    from vigie.registry.cache import ModelCache
    from vigie.registry.reference import photo_models

    root = home / "model"
    if (root / "vigie" / "package.json").is_file():
        return str(root)
    if root.is_dir() and any(root.iterdir()):
        raise NotFound("/home/app/model is no package: it has no vigie/package.json")
    settings = load_settings()
    found = photo_models(ModelCache(settings.cache))
    chosen = [name for name in settings.models if name in found] or found
    if len(chosen) > 1:
        raise NotFound(
            f"the cache has several models of photos: {', '.join(chosen)}; "
            f"name one, -e VIGIE_MODELS={chosen[0]}"
        )
    if not chosen:
        raise NotFound(_WAYS)
    return chosen[0]


def _scratch(outputs: Path) -> Path:
    """A folder for files that go again: not every container can write to /tmp."""
    writable = (path for path in _SCRATCH if os.access(path, os.W_OK | os.X_OK))
    return next(writable, outputs)


if __name__ == "__main__":
    main(sys.argv[1:])
