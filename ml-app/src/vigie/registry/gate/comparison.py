"""What was found out about a candidate beside the version that serves, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vigie.registry.gate.accuracy import Compared
from vigie.registry.gate.figures import Comparison, shown
from vigie.registry.gate.latency import Timing, too_slow
from vigie.settings import Settings


@dataclass(frozen=True, slots=True)
class Judgement:
    """Processor time and errors; `None` where there was nothing to compare."""

    timing: Timing | None = None
    against_constant: Compared | None = None
    against_live: Compared | None = None

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Judgement:
        """The judgement that the sandbox wrote down; `TypeError` or `KeyError` for others."""
        timing, constant, live = (
            found[name] for name in ("timing", "against_constant", "against_live")
        )
        return cls(
            Timing(**timing) if timing else None,
            Compared(**constant) if constant else None,
            Compared(**live) if live else None,
        )

    def refusal(self, settings: Settings, settled: frozenset[str] = frozenset()) -> str | None:
        """Why the candidate must not serve, by the figures that are not `settled`, or `None`."""
        reason = None
        if self.timing and "time" not in settled:
            reason = too_slow(self.timing, settings.latency_factor)
        if reason is None and "error" not in settled:
            reason = self._too_wrong(settings.error_factor)
        return reason

    def _too_wrong(self, factor: float) -> str | None:
        if not factor:
            return None
        constant, live = self.against_constant, self.against_live
        if constant and constant.clearly and constant.candidate > constant.other:
            return (
                "it is worse than one answer for every row: an error of "
                f"{_against(constant)} on {constant.rows} held-out rows"
            )
        if live and live.clearly and live.candidate > factor * live.other:
            return (
                f"it is worse than the version that serves: an error of {_against(live)} on the "
                f"same {live.rows} held-out rows (VIGIE_ERROR_FACTOR={factor:g})"
            )
        return None

    def verdict(self, version: str) -> Comparison | None:
        """Whether the candidate should replace `version`; `None` where no row says anything."""
        live = self.against_live
        if live is None:
            return None
        rows = f"on the same {live.rows} held-out rows ({_against(live)})"
        if live.candidate > live.other:
            return Comparison(False, f"it is worse than version {version} {rows}")
        word = "better than" if live.candidate < live.other else "as good as"
        return Comparison(True, f"{word} version {version} {rows}")


def _against(compared: Compared) -> str:
    return f"{shown(compared.candidate)} against {shown(compared.other)}"
