"""Prediction routes: which dialect, model and version a path asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.errors import NotFound, Unavailable
from vigie.registry.cache import CHALLENGER, CHAMPION
from vigie.serving.dialects.invocations import InvocationsDialect
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.dialects.tfserving import TfServingDialect
from vigie.serving.dialects.v2 import V2Dialect
from vigie.settings import MODEL_NAME

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.manager import ModelManager
    from vigie.serving.runtime.messages import Dialect
    from vigie.serving.runtime.model_slot import ModelSlot
    from vigie.settings import Settings

_FAMILIES = {
    "/predict": "native",
    "/predict/<model>": "native",
    "/invocations": "mlflow",
    "/v1/models/<model>:predict": "tfserving",
    "/v1/models/<model>/versions/<version>:predict": "tfserving",
    "/v1/models/<model>/labels/<label>:predict": "tfserving",
    "/v1/models/<model>:<verb>": "tfserving, not offered",
    "/v1/models/<model>/versions/<version>:<verb>": "tfserving, not offered",
    "/v1/models/<model>/labels/<label>:<verb>": "tfserving, not offered",
    "/v2/models/<model>/infer": "v2",
    "/v2/models/<model>/versions/<version>/infer": "v2",
}
TEMPLATES = tuple(_FAMILIES)
"""The prediction routes as Flask and the metrics write them."""

NOT_OFFERED = tuple(name for name, family in _FAMILIES.items() if family.endswith("not offered"))
"""Those of them that only say so: TensorFlow Serving's other verbs."""

_PATTERNS = [
    (re.compile(re.sub("<(.+?)>", r"(?P<\1>[^/:]+)", template)), template) for template in TEMPLATES
]
_AREA = re.compile(r"/(predict|invocations|ping|version|v2)(?:/|\Z)|/(v1)/models/")
_AREAS = {
    "predict": "native",
    "invocations": "mlflow",
    "ping": "mlflow",
    "version": "mlflow",
    "v1": "tfserving",
    "v2": "v2",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A prediction route: its dialect, the template that metrics name it by, and the model.

    `version` and `label` are what the path asks for beside the model, `None` where it does not.
    """

    dialect: Dialect
    template: str
    model: str | None = None
    version: str | None = None
    label: str | None = None

    @property
    def pinned(self) -> bool:
        """True where the caller chose the version."""
        return self.version is not None or self.label is not None


class Routes:
    """The prediction routes of one worker."""

    def __init__(self, settings: Settings, manager: ModelManager) -> None:
        self._manager = manager
        most = settings.max_rows, settings.max_photos
        self._dialects: dict[str, Dialect] = {
            "native": NativeDialect(*most),
            "mlflow": InvocationsDialect(*most),
            "tfserving": TfServingDialect(*most),
            "tfserving, not offered": TfServingDialect(*most, offered=False),
            "v2": V2Dialect(*most),
        }
        self._known: dict[str, Route] = {}

    def find(self, path: str) -> Route | None:
        """The prediction route of a path, if it is one."""
        return self._known.get(path) or self._match(path)

    def _match(self, path: str) -> Route | None:
        for pattern, template in _PATTERNS:
            if match := pattern.fullmatch(path):
                parts = match.groupdict()
                parts.pop("verb", None)
                found = Route(self._dialects[_FAMILIES[template]], template, **parts)
                # whatever else a path may say is without end, and would fill the memory
                if match.re.groups == 0 or (
                    match.re.groups == 1 and found.model in self._manager.slots
                ):
                    self._known[path] = found
                return found
        return None

    def dialect_of(self, path: str) -> Dialect | None:
        """The dialect in which whatever is wrong with a path is said; `None` for our own pages."""
        area = _AREA.match(path)
        return self._dialects[_AREAS[area[1] or area[2]]] if area else None

    def serving(
        self, model: str | None, version: str | None = None, label: str | None = None
    ) -> tuple[ModelSlot, LoadedModel]:
        """The slot and the version that are asked for. Raises `NotFound`, `Unavailable`."""
        if model is not None and not MODEL_NAME.fullmatch(model):
            raise NotFound("There is no such model here.")
        slot = self._manager.slot(model)
        live = slot.live
        if live is None:
            raise Unavailable("The model is served no longer.", "no_model")
        if version is not None or label is not None:
            live = _chosen(slot, live, version, label)
        return slot, live


def _chosen(
    slot: ModelSlot, live: LoadedModel, version: str | None, label: str | None
) -> LoadedModel:
    """The version in memory with this number or label; `NotFound` where there is none."""
    challenger = slot.challenger
    labelled = {CHAMPION: live}
    if challenger is not None:
        labelled[CHALLENGER] = challenger.live
    for name, found in labelled.items():
        if label == name or (label is None and found.version == version):
            return found
    if label is not None:
        raise NotFound(f"No version has this label here. Labels: {', '.join(labelled)}.")
    versions = ", ".join(found.version for found in labelled.values())
    raise NotFound(f"This version is not in memory here. Versions: {versions}.")
