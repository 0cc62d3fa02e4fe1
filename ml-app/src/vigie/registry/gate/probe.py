"""A package opened, asked and measured in the sandbox, before it may serve."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vigie.engines.predictor import open_predictor, wanted_engine
from vigie.errors import RefusedPackage
from vigie.registry.gate.accuracy import Compared
from vigie.registry.gate.latency import Timing
from vigie.sandbox.keras_archive import check_keras_file
from vigie.sandbox.memory import usable_memory
from vigie.sandbox.run import Limits, run_confined

if TYPE_CHECKING:
    from vigie.models.package import Package
    from vigie.settings import Settings

PROBE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Measurements:
    """Processor time and errors of a candidate; `None` where there was nothing to compare."""

    timing: Timing | None = None
    against_constant: Compared | None = None
    against_live: Compared | None = None

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """What the sandbox wrote down; `TypeError` or `KeyError` for anything else."""
        timing, constant, live = (
            found[name] for name in ("timing", "against_constant", "against_live")
        )
        return cls(
            Timing(**timing) if timing else None,
            Compared(**constant) if constant else None,
            Compared(**live) if live else None,
        )


@dataclass(frozen=True, slots=True)
class SandboxProbe:
    """Runs packages under limits, in a process that holds nothing worth taking."""

    limits: Limits

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """A probe with the memory that the settings allow."""
        memory = settings.max_model_memory_bytes
        # a worker has no more than the machine, or its container, whatever the settings say
        memory = min(memory, usable_memory() or memory)
        # a limit on processor time would make Linux tell it in steps of 4 ms, too coarse to compare
        return cls(Limits(memory, None, PROBE_SECONDS))

    def run(self, package: Package, engine: str) -> None:
        """Refuses a package that cannot be opened, or answers its golden rows otherwise.

        Of large inputs, photos above all, it must also answer the largest batch of a worker within
        the limit of memory.
        """
        if engine == "tensorflow":
            check_keras_file(package.keras_path)
            _require_tensorflow(package)
        arguments = {"root": _path(package), "engine": engine}
        self._run("answer_golden", arguments, [package], [engine])

    def measure(self, candidate: Package, live: Package | None, settings: Settings) -> Measurements:
        """How long both versions take and how far they are off, on the same rows."""
        packages = [each for each in (candidate, live) if each is not None]
        engines = [wanted_engine(each, settings.engine) for each in packages]
        arguments = {"roots": [_path(each) for each in packages], "engines": engines}
        found = self._run("measure", arguments, packages, engines)
        try:
            return Measurements.from_dict(found)
        except (TypeError, KeyError, ValueError):
            raise RefusedPackage("judging it gave no answer") from None

    def _run(
        self,
        task: str,
        arguments: Mapping[str, Any],
        packages: Sequence[Package],
        engines: Sequence[str],
    ) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return run_confined(
                f"vigie.registry.gate.probe_task:{task}",
                arguments,
                Path(folder),
                [package.root for package in packages],
                self.limits,
                sorted({f"vigie.engines.{engine}" for engine in engines}),
            )


def _path(package: Package) -> str:
    return str(package.root.resolve())


def _require_tensorflow(package: Package) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        # says what to install
        open_predictor(package, "tensorflow")
