"""Which version serves: promote one, go back to the one before, and record who did it and why."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import NotFound, RefusedPackage
from vigie.registry.audit import audited, now, who_am_i
from vigie.registry.cache import CHALLENGER, CHAMPION, CachedVersion, ModelCache
from vigie.registry.fetch import fetch_verified
from vigie.registry.gate.comparison import (
    check_against_live,
    compare_origin,
    compare_promoted,
    require_compatible,
)
from vigie.registry.gate.probe import SandboxProbe
from vigie.registry.operate import OperatorClient
from vigie.registry.tags import ACCEPTED, PROMOTED_DIGEST, is_generated, settled_figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vigie.registry.client import RegisteredVersion
    from vigie.settings import Settings

PREVIOUS = "previous"
PROMOTED_FROM = "vigie.promoted_from"
ROLLED_BACK_AT = "vigie.rolled_back_at"


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the champion: from which version, to which, and why."""

    name: str
    version: str
    left: str | None
    because: str


class Promotions:
    """Moves the champion of a model, and records every move in MLflow and in the audit log."""

    def __init__(self, settings: Settings, client: OperatorClient | None = None) -> None:
        self._settings = settings
        self._client = client or OperatorClient.of(settings)

    def promote(self, name: str, number: str, reason: str | None, force: bool) -> Move:
        """Makes a version the champion; refused where it is worse, broken or not comparable."""
        candidate = self.find(name, number)
        champion = self._client.version_of(name, CHAMPION)
        if champion and champion.version == candidate.version:
            raise RefusedPackage(f"{name} version {number} is the champion already")
        because = reason or "promoted by hand"
        forced = False
        try:
            found = self._gate(candidate, champion)
            because = reason or found
        except RefusedPackage as refusal:
            if not force:
                raise RefusedPackage(
                    f"{name} version {number} is not promoted: {refusal}; "
                    "--force promotes it all the same"
                ) from None
            because, forced = f"{because}, forced although {refusal}", True
        return self.move(candidate, champion, because, forced)

    def move(
        self,
        candidate: RegisteredVersion,
        champion: RegisteredVersion | None,
        because: str,
        forced: bool = False,
    ) -> Move:
        """Makes a version the champion without a question, recorded as a promotion."""
        name, number = candidate.name, candidate.version
        left = None if champion is None else champion.version
        with audited(self._settings.audit_log) as record:
            if ROLLED_BACK_AT in candidate.tags:
                self._client.untag(name, number, ROLLED_BACK_AT)
            # tags first: whoever sees the new champion finds the way back beside it
            accepted = {ACCEPTED: candidate.digest or ""} if forced else {}
            self._tag_promoted(candidate, because, {PROMOTED_FROM: left or "", **accepted})
            self._client.point(name, CHAMPION, number)
            record(_entry("promote", candidate, champion, because))
            if left:
                self._client.point(name, PREVIOUS, left)
        return Move(name, number, left, because)

    def rollback(self, name: str, reason: str | None) -> Move:
        """Goes back to the version that was champion before; twice goes back twice.

        One that the service would refuse is passed over; `RefusedPackage` says why where no other
        is left.
        """
        champion = self._client.version_of(name, CHAMPION)
        if champion is None:
            raise NotFound(f"{name} has no champion to go back from")
        target = self._before(champion)
        because = reason or f"rolled back from version {champion.version}"
        earlier = target.tags.get(PROMOTED_FROM)
        with audited(self._settings.audit_log) as record:
            self._tag_promoted(target, because, {ACCEPTED: target.digest or ""})
            self._client.point(name, CHAMPION, target.version)
            record(_entry("rollback", target, champion, because))
            left = {
                "vigie.rolled_back_by": who_am_i(),
                "vigie.rolled_back_because": because,
                ROLLED_BACK_AT: now(),
            }
            self._client.tag(name, champion.version, left)
            if earlier and earlier != champion.version:
                self._client.point(name, PREVIOUS, earlier)
            elif self._client.version_of(name, PREVIOUS):
                self._client.unpoint(name, PREVIOUS)
        return Move(name, target.version, champion.version, because)

    def find(self, name: str, number: str) -> RegisteredVersion:
        """The version with this number; `NotFound` names what there is."""
        found = self._client.version(name, number)
        if found is None:
            there = ", ".join(version.version for version in self._client.versions(name)[:5])
            remedy = f"the newest are {there}" if there else "MLflow has no such model"
            raise NotFound(f"there is no version {number} of {name}: {remedy}")
        return found

    def _gate(self, candidate: RegisteredVersion, champion: RegisteredVersion | None) -> str:
        """Why the candidate may serve; refused with the reason why it may not."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            checked = fetch_verified(self._client, candidate, root / "candidate", self._settings)
            if champion is None:
                return "the first version"
            try:
                serving = fetch_verified(self._client, champion, root / "champion", self._settings)
            except RefusedPackage as broken:
                return f"version {champion.version} cannot serve: {broken}"
            require_compatible(serving.document, champion.version, checked.document, self._settings)
            generated, serving_generated = is_generated(candidate), is_generated(champion)
            found = compare_origin(generated, serving_generated, champion.version)
            if found is not None and not found.promote:
                raise RefusedPackage(f"it was {found.reason}")
            if found is None:
                measured = SandboxProbe.of(self._settings).measure(checked, serving, self._settings)
                found = compare_promoted(measured, candidate, champion)
        if not found.promote:
            raise RefusedPackage(found.reason)
        return found.reason

    def _before(self, champion: RegisteredVersion) -> RegisteredVersion:
        """The version to go back to: the nearest one before that may serve."""
        name, refused = champion.name, []
        remedy = f"choose one with `vigie promote {name} --version N`"
        for target in self._earlier(champion):
            if when := target.tags.get(ROLLED_BACK_AT):
                raise RefusedPackage(
                    f"version {target.version} was itself rolled back at {when}; {remedy}"
                )
            try:
                self._check_it_may_serve(target, champion)
            except RefusedPackage as reason:
                refused.append(f"version {target.version} would be refused: {reason}")
            else:
                return target
        if refused:
            raise RefusedPackage(
                f"{name} version {champion.version} has no version before it that may serve; "
                f"{'; '.join(refused)}; {remedy}"
            )
        raise NotFound(f"{name} version {champion.version} has no version before it; {remedy}")

    def _earlier(self, champion: RegisteredVersion) -> Iterator[RegisteredVersion]:
        """The versions before the champion, the nearest first, each once."""
        seen = {champion.version}
        number = champion.tags.get(PROMOTED_FROM)
        if number:
            target = self._client.version(champion.name, number)
        else:
            target = self._client.version_of(champion.name, PREVIOUS)
        while target is not None and target.version not in seen:
            yield target
            seen.add(target.version)
            number = target.tags.get(PROMOTED_FROM)
            target = self._client.version(champion.name, number) if number else None

    def _check_it_may_serve(self, target: RegisteredVersion, champion: RegisteredVersion) -> None:
        """Refuses a version that model-sync would refuse; one that the cache holds has served."""
        cache = ModelCache(self._settings.cache)
        held = cache.find(target.name, target.digest or "")
        if held is not None and held.digest != cache.pointer(target.name, CHALLENGER):
            return
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            checked = fetch_verified(self._client, target, root / "target", self._settings)
            live = None
            # a champion that cannot serve is a reason to go back, and nothing to compare with
            with contextlib.suppress(RefusedPackage):
                found = fetch_verified(self._client, champion, root / "champion", self._settings)
                live = CachedVersion(found.root, found.digest, champion.version, champion.run_id)
            check_against_live(checked, live, self._settings, settled_figures(target))

    def _tag_promoted(self, version: RegisteredVersion, because: str, more: dict[str, str]) -> None:
        tags = {
            "vigie.promoted_by": who_am_i(),
            "vigie.promoted_at": now(),
            "vigie.promoted_because": because,
            PROMOTED_DIGEST: version.digest or "",
        }
        self._client.tag(version.name, version.version, tags | more)


def _entry(
    what: str, to: RegisteredVersion, left: RegisteredVersion | None, because: str
) -> dict[str, object]:
    return {
        "when": now(),
        "who": who_am_i(),
        "what": what,
        "model": to.name,
        "from_version": left.version if left else None,
        "from_digest": left.digest if left else None,
        "to_version": to.version,
        "to_digest": to.digest,
        "why": because,
    }
