"""Whether a candidate may take the place of the version that serves: who asks, which rule, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vigie.errors import RefusedPackage, VigieError
from vigie.models.package import HELD_OUT, read_package
from vigie.registry.gate.compatibility import breaking_changes
from vigie.registry.gate.latency import too_slow
from vigie.registry.gate.probe import SandboxProbe
from vigie.registry.tags import error_of, measured_alike, shown

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument, Task
    from vigie.models.package import Package
    from vigie.registry.cache import CachedVersion
    from vigie.registry.client import RegisteredVersion
    from vigie.registry.gate.accuracy import Compared
    from vigie.registry.gate.probe import Measurements
    from vigie.settings import Settings

TRIVIAL = frozenset({"median", "majority"})
REGRESSION_FACTOR = 1.10
CLASSIFICATION_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a candidate is to serve, and the reason, for people."""

    promote: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What the error of a candidate must be beside the error of the version that serves."""

    equal: bool
    """An equal error is good enough."""
    tolerant: bool = False
    """Neither chance counts, nor an error up to `VIGIE_ERROR_FACTOR` times the other."""

    def lets_pass(
        self, error: float, serving: float, factor: float = 1.0, clearly: bool = True
    ) -> bool:
        """Whether a candidate with this error may serve; `clearly`: the difference is no chance."""
        if self.tolerant:
            return not clearly or error <= factor * serving
        return error <= serving if self.equal else error < serving


Asker = Literal["train", "promote", "sync"]

RULES: Mapping[Asker, Rule] = {
    # nobody asked for this version: without a gain it is a change without a reason
    "train": Rule(equal=False),
    # somebody wants this version: only a loss needs `--force`
    "promote": Rule(equal=True),
    # the alias has moved already: callers are kept from what is clearly worse, and from no more
    "sync": Rule(equal=True, tolerant=True),
}


def compare_with_baselines(
    task: Task, error: float, baselines: Mapping[str, float], discriminates: bool = False
) -> Comparison | None:
    """A refusal where a simple model does clearly better; `None` where the version passes.

    A classification that `discriminates` is not held against one answer for every row: where one
    class is rare, who finds it is wrong more often than who never looks.
    """
    if discriminates:
        baselines = {name: value for name, value in baselines.items() if name not in TRIVIAL}
    for name in TRIVIAL & baselines.keys():
        if error >= baselines[name]:
            return Comparison(False, f"no better than the {name} baseline")
    if not baselines:
        return None
    name, best = min(baselines.items(), key=lambda item: item[1])
    classifies = task == "classification"
    bound = best + CLASSIFICATION_MARGIN if classifies else best * REGRESSION_FACTOR
    if error > bound:
        against = _against(error, best)
        return Comparison(False, f"clearly worse than the {name} baseline ({against})")
    return None


def compare_origin(generated: bool, serving_generated: bool, version: str) -> Comparison | None:
    """Made-up data never replaces real data, and real data always replaces made-up data.

    `None` where the candidate and `version`, which serves, were trained on data of one kind.
    """
    if generated and not serving_generated:
        return Comparison(False, f"trained on generated data, version {version} on real data")
    if serving_generated and not generated:
        return Comparison(True, f"trained on real data, version {version} on generated data")
    return None


def apply_rule(
    asker: Asker, error: float, serving: float, version: str, rows: str = ""
) -> Comparison:
    """The rule of `asker` on two errors that were measured on the same rows; `version` serves."""
    rule = RULES[asker]
    than = f"version {version}{rows} ({_against(error, serving)})"
    if not rule.lets_pass(error, serving):
        return Comparison(False, f"{'it is worse' if rule.equal else 'not better'} than {than}")
    return Comparison(True, f"{'better than' if error < serving else 'as good as'} {than}")


def compare_promoted(
    measured: Measurements, candidate: RegisteredVersion, champion: RegisteredVersion
) -> Comparison:
    """By rows that both packages keep; without any, by what training recorded of both."""
    live = measured.against_live
    if live is not None:
        rows = f" on the same {live.rows} held-out rows"
        return apply_rule("promote", live.candidate, live.other, champion.version, rows)
    return compare_recorded(candidate, champion)


def compare_recorded(candidate: RegisteredVersion, champion: RegisteredVersion) -> Comparison:
    """Compares recorded errors, measured on the same rows or not compared at all."""
    error, serving = error_of(candidate), error_of(champion)
    if error is None or serving is None:
        nameless = candidate if error is None else champion
        return Comparison(
            False, f"version {nameless.version} has no recorded error, so that none can compare"
        )
    if not measured_alike(candidate, champion):
        return Comparison(
            False,
            f"its error and that of version {champion.version} were not measured on the same rows",
        )
    return apply_rule("promote", error, serving, champion.version, " on the same rows")


def compare_synced(
    measured: Measurements, settings: Settings, settled: frozenset[str] = frozenset()
) -> Comparison:
    """By the figures `error` and `time`; those that are `settled` are not asked for again."""
    reason = None
    if measured.timing and "time" not in settled:
        reason = too_slow(measured.timing, settings.latency_factor)
    if reason is None and "error" not in settled:
        reason = _too_wrong(measured, settings.error_factor)
    return Comparison(reason is None, reason or "no worse than the version that serves")


def check_against_live(
    candidate: Package,
    live: CachedVersion | None,
    settings: Settings,
    settled: frozenset[str] = frozenset(),
) -> None:
    """Refuses a candidate that would break callers of the live version, or is slow or wrong."""
    serving = _opened(live)
    if live is not None and serving is not None:
        require_compatible(serving.document, live.version, candidate.document, settings)
    factors = {"error": settings.error_factor, "time": settings.latency_factor}
    asked = {figure for figure, factor in factors.items() if factor} - settled
    alone = serving is None and not (candidate.root / HELD_OUT).is_file()
    if alone or not asked:
        return
    measured = SandboxProbe.of(settings).measure(candidate, serving, settings)
    found = compare_synced(measured, settings, settled)
    if not found.promote:
        raise RefusedPackage(found.reason)


def require_compatible(
    old: PackageDocument, version: str, new: PackageDocument, settings: Settings
) -> None:
    """Refuses `new` where callers of `old`, registered as `version`, would stumble over it."""
    if settings.allow_breaking:
        return
    if found := breaking_changes(old, new):
        raise RefusedPackage(
            f"it would break callers of version {version}: {'; '.join(found)} "
            "(VIGIE_ALLOW_BREAKING=on lets it through)"
        )


def _too_wrong(measured: Measurements, factor: float) -> str | None:
    if not factor:
        return None
    constant, live = measured.against_constant, measured.against_live
    if constant and constant.clearly and constant.candidate > constant.other:
        return (
            f"it is worse than one answer for every row: an error of {_errors(constant)} on "
            f"{constant.rows} held-out rows"
        )
    rule = RULES["sync"]
    if live and not rule.lets_pass(live.candidate, live.other, factor, live.clearly):
        return (
            f"it is worse than the version that serves: an error of {_errors(live)} on the "
            f"same {live.rows} held-out rows (VIGIE_ERROR_FACTOR={factor:g})"
        )
    return None


def _opened(live: CachedVersion | None) -> Package | None:
    """The live version; `None` where it cannot be read: then anything is better."""
    if live is None:
        return None
    try:
        return read_package(live.root, live.digest)
    except VigieError:
        return None


def _errors(compared: Compared) -> str:
    return _against(compared.candidate, compared.other)


def _against(error: float, other: float) -> str:
    return f"{shown(error)} against {shown(other)}"
