"""Whether it is time to train again, because the inputs have moved or because time has passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.errors import RegistryError
from vigie.monitoring.drift import LEAST_ROWS

if TYPE_CHECKING:
    from vigie.monitoring.drift import Drift
    from vigie.registry.client import RegisteredVersion

_UNITS = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


@dataclass(frozen=True, slots=True)
class Limits:
    """What makes a training due: a drift index above `psi`, or a champion of `every_seconds`.

    The index is seen over `window_seconds`.
    """

    psi: float
    window_seconds: float
    every_seconds: float


@dataclass(frozen=True, slots=True)
class Occasion:
    """Whether to train now, and the sentence that says why or why not."""

    due: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The versions of a model as MLflow has them at a time, `now` in seconds since 1970."""

    versions: Sequence[RegisteredVersion]
    champion: RegisteredVersion | None
    now: float

    def age(self, version: RegisteredVersion) -> float:
        """Seconds since a version was registered, which is when its training ended."""
        if not version.created_ms:
            raise RegistryError(f"MLflow does not say when version {version.version} was made")
        return max(self.now - version.created_ms / 1000, 0.0)

    @property
    def newest(self) -> RegisteredVersion | None:
        """The version that was registered last, champion or not."""
        return min(self.versions, key=self.age, default=None)


def judge_schedule(registered: Registered, limits: Limits) -> Occasion:
    """Due where the champion is old enough, and no later version was trained meanwhile."""
    newest, champion = registered.newest, registered.champion
    if newest is None:
        return Occasion(True, "no version is registered yet")
    whole = _span(limits.every_seconds)
    if champion is not None and registered.age(champion) < limits.every_seconds:
        return Occasion(False, f"{_aged(registered, champion)}, less than {whole}")
    if registered.age(newest) < limits.every_seconds:
        return Occasion(
            False, f"{_aged(registered, newest)}, less than {whole}, and not the champion"
        )
    return Occasion(True, f"{_aged(registered, champion or newest)}, at least {whole}")


def judge_drift(registered: Registered, drifts: Sequence[Drift], limits: Limits) -> Occasion:
    """Due where the champion's index is above the limit and nobody has trained for that yet.

    No version may have been registered within the window: what is counted there may be older than
    it. Where the newest version did not become champion, another one of the same data would not
    either: then it waits as long as the schedule does.
    """
    newest, champion = registered.newest, registered.champion
    if newest is None or champion is None:
        return Occasion(False, "there is no champion whose inputs could have moved")
    mine = [one for one in drifts if one.version == champion.version]
    if not mine:
        return Occasion(
            False,
            f"nothing is counted for version {champion.version}: it is not served yet, "
            "or its package has no profile",
        )
    counted = [one for one in mine if one.rows >= LEAST_ROWS]
    if not counted:
        most = max(one.rows for one in mine)
        return Occasion(
            False, f"version {champion.version} answered {most} rows, {LEAST_ROWS} are needed"
        )
    worst = max(counted, key=lambda one: one.psi)
    seen = f"{worst.feature} has an index of {worst.psi:.3f} over {worst.rows:,} rows"
    if worst.psi <= limits.psi:
        return Occasion(False, f"{seen}, the largest; the limit is {limits.psi:g}")
    return _unless_trained(registered, newest, champion, seen, limits)


def _unless_trained(
    registered: Registered,
    newest: RegisteredVersion,
    champion: RegisteredVersion,
    seen: str,
    limits: Limits,
) -> Occasion:
    """Due for the drift that was seen, unless the newest version is too young for another one."""
    if registered.age(newest) < limits.window_seconds:
        window = _span(limits.window_seconds)
        return Occasion(False, f"{seen}, but {_aged(registered, newest)}, less than {window}")
    if newest != champion and registered.age(newest) < limits.every_seconds:
        return Occasion(
            False,
            f"{seen}, but {_aged(registered, newest)} and did not become champion; "
            f"the next one may come after {_span(limits.every_seconds)}",
        )
    return Occasion(True, f"{seen}, above {limits.psi:g}")


def _aged(registered: Registered, version: RegisteredVersion) -> str:
    return f"version {version.version} is {_span(registered.age(version))} old"


def _span(seconds: float) -> str:
    """A length of time in the largest unit of which there are two."""
    unit, size = next((u for u in _UNITS if seconds >= 2 * u[1]), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"
