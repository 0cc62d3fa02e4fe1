"""What the status page says about each model, as all workers together know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vigie.models.text import text_in
from vigie.monitoring.drift import drifts_of
from vigie.registry.cache import CHALLENGER, CHAMPION
from vigie.serving.web.quality import bars_of, truths_of

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.package import Package
    from vigie.monitoring.history import Change
    from vigie.monitoring.samples import Samples
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.manager import ModelManager
    from vigie.serving.web.language import Language
    from vigie.serving.web.quality import DriftBar, Truths

_LEAST_SIDE = 16
Facts = list[tuple[str, str]]
"""Names and texts, for a list of terms."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that does not serve, refused or `pending`, and why; the reason is English."""

    title: str
    reason: str
    pending: bool = False


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model; `why_not` says why it does not serve, and is empty where it does."""

    name: str
    title: str
    why_not: str
    refusals: list[Refused]
    changes: Facts
    facts: Facts = field(default_factory=list)
    bars: list[DriftBar] = field(default_factory=list)
    truths: Truths | None = None
    lacks: str = ""
    """What the package of a version lacks that was logged without Vigie, and how it comes by it."""

    @property
    def shifted(self) -> list[str]:
        """The labels of its inputs and predictions that have shifted."""
        return [bar.label for bar in self.bars if bar.level == "shifted"]


def lacks_of(package: Package, language: Language) -> str:
    """What a package without the data of its training lacks, and the call that brings it."""
    t, document = language.text, package.document
    if not document.provenance.imported:
        return ""
    lacks = [] if package.profile else [t("a profile, so drift")]
    if not document.metrics:
        lacks.append(t("figures on data kept aside"))
    if document.interval is None and document.task == "regression":
        lacks.append(t("an interval"))
    if document.provenance.made_up_rows:
        lacks.append(t("rows of example that are not made up"))
    photos = _takes_photos_as_numbers(document)
    is_vector = len(document.inputs) == 1 and document.inputs[0].shape
    if is_vector and not photos and not document.images:
        lacks.append(t("names of columns"))
    call = f'vigie.log_model(model, name="{document.name}", inputs=X, targets=y)'
    told = t("It lacks {parts}. `{call}` brings all of it.", parts=", ".join(lacks), call=call)
    if photos:
        call = f"vigie import models:/{document.name}@champion --name {document.name} --scaling …"
        told += " " + t("It takes photos as numbers; `{call}` lets it take files.", call=call)
    return told


def _takes_photos_as_numbers(document: PackageDocument) -> bool:
    """True where its one input has the sizes of a photo: nobody said how its pixels are scaled."""
    shape = document.inputs[0].shape
    if len(document.inputs) > 1 or len(shape) != 3 or document.images:
        return False
    sides = shape[:2] if shape[2] == 3 else shape[1:]
    return 3 in (shape[0], shape[2]) and min(sides) >= _LEAST_SIDE


class ModelBoard:
    """Gives the state of models at one moment, in one language."""

    def __init__(
        self,
        manager: ModelManager,
        samples: Samples,
        changes: Sequence[Change],
        now: float,
        language: Language,
    ) -> None:
        self._manager, self._samples, self._changes = manager, samples, changes
        self._now, self._language = now, language
        self._drifts = drifts_of(samples.all())

    def states(self) -> list[ModelState]:
        """Every model here, also those of which no version serves."""
        return [self._state(name) for name in (*self._manager.slots, *self._manager.refused)]

    def _state(self, name: str) -> ModelState:
        slot = self._manager.slots.get(name)
        live = slot.live if slot else None
        refusals, changes = self._refusals(name), self._changed(name)
        if live is None:
            return ModelState(name, name, self._manager.why_not(name), refusals, changes)
        document = live.document
        mine = [d for d in self._drifts if (d.model, d.version) == (name, live.version)]
        return ModelState(
            name=name,
            title=text_in(document.title, self._language.code),
            why_not="",
            refusals=refusals,
            changes=changes,
            facts=self._facts(live),
            bars=bars_of(document, mine, self._language),
            truths=truths_of(document, self._samples, live.version, self._language),
            lacks=lacks_of(live.predictor.package, self._language),
        )

    def _facts(self, live: LoadedModel) -> Facts:
        language = self._language
        t = language.text
        # while the workers take turns at loading a version, others still serve the one before
        champions = self._versions(live.name, CHAMPION) or {live.version: live.engine}
        facts = [
            (t("Serving version"), ", ".join(sorted(champions))),
            (t("Engine"), ", ".join(dict.fromkeys(champions.values()))),
            (t("In service for"), language.duration(self._now - self._since(live))),
        ]
        if trained_at := live.document.provenance.trained_at:
            facts.append((t("Trained"), language.date(trained_at)))
        labels = {"model": live.name, "version": live.version}
        rows = self._samples.total("vigie_predictions_total", **labels)
        facts.append((t("Rows answered"), language.number(rows)))
        if challengers := self._versions(live.name, CHALLENGER):
            facts.append((t("Challenger"), ", ".join(challengers)))
        return facts

    def _versions(self, name: str, alias: str) -> dict[str, str]:
        """The engine by version of what some worker has under an alias."""
        found = self._samples.named("vigie_model_info", model=name, alias=alias)
        return {sample.labels["version"]: sample.labels["engine"] for sample in found}

    def _since(self, live: LoadedModel) -> float:
        """When the version took over; where nobody saw that, when it was loaded."""
        mine = [change for change in self._changes if change.model == live.name]
        if mine and mine[-1].version == live.version:
            return mine[-1].at
        loaded = self._samples.named("vigie_model_loaded_timestamp_seconds", model=live.name)
        return loaded[0].value if loaded else live.loaded_at

    def _refusals(self, name: str) -> list[Refused]:
        t = self._language.text
        candidate = self._manager.cache.refusal(name, CHAMPION)
        challenger = self._manager.cache.refusal(name, CHALLENGER)
        refusals = []
        if candidate and candidate.pending:
            title = t("Version {version} is imported", version=candidate.version)
            refusals.append(Refused(title, candidate.reason, pending=True))
        elif candidate:
            title = t("Version {version} was refused", version=candidate.version)
            refusals.append(Refused(title, candidate.reason))
        if challenger and challenger.pending:
            title = t("Challenger {version} is imported", version=challenger.version)
            refusals.append(Refused(title, challenger.reason, pending=True))
        elif challenger:
            title = t("Challenger {version} was refused", version=challenger.version)
            refusals.append(Refused(title, challenger.reason))
        return refusals

    def _changed(self, name: str) -> Facts:
        """The versions that served, the newest first: when each took over, and after which."""
        mine = [change for change in self._changes if change.model == name]
        return [
            (self._language.moment(change.at), self._what_changed(change))
            for change in reversed(mine)
        ]

    def _what_changed(self, change: Change) -> str:
        t = self._language.text
        if not change.before:
            return t("Version {version}", version=change.version)
        return t("Version {version}, after {before}", version=change.version, before=change.before)
