"""What a page says about the model behind it: its data, its age, how good it is."""

from __future__ import annotations

from vigie.models.document import PackageDocument, text_in
from vigie.serving.runtime.loaded_model import LoadedModel
from vigie.serving.web.formats import date, number, percent, quantity
from vigie.serving.web.texts import translator

_MOST_METRICS = 6
_NAMES: dict[str, tuple[str, str]] = {
    "mae": ("Mean absolute error", "Erreur absolue moyenne"),
    "rmse": ("Root mean squared error", "Racine de l'erreur quadratique moyenne"),
    "r2": ("R²", "R²"),
    "mape": ("Mean relative error", "Erreur relative moyenne"),
    "median_ape": ("Median relative error", "Erreur relative médiane"),
    "accuracy": ("Right answers", "Bonnes réponses"),
    "macro_f1": ("F1, mean of the classes", "F1, moyenne des classes"),
    "interval_coverage": ("Truths inside the interval", "Vérités dans l'intervalle"),
    "interval_relative_width": ("Mean width of the interval", "Largeur moyenne de l'intervalle"),
}
_IN_UNIT = frozenset({"mae", "rmse"})
_SHARES = frozenset(
    {"mape", "median_ape", "accuracy", "interval_coverage", "interval_relative_width"}
)


def facts_of(live: LoadedModel, language: str) -> list[tuple[str, str]]:
    """Names and texts about a served version, for a list of terms."""
    t = translator(language)
    document = live.document
    origin = document.provenance
    facts = [(t("source"), text_in(origin.source, language))]
    if origin.rows is not None:
        facts.append((t("rows"), number(origin.rows, language)))
    if origin.trained_at:
        facts.append((t("trained"), date(origin.trained_at, language)))
    facts.append((t("served"), live.version))
    return facts


def metrics_of(document: PackageDocument, language: str) -> list[tuple[str, str]]:
    """The main quality figures, with names for people where they have one."""
    return [
        (_name(name, language), _text(document, name, value, language))
        for name, value in list(document.metrics.items())[:_MOST_METRICS]
    ]


def _name(name: str, language: str) -> str:
    names = _NAMES.get(name)
    return names[1 if language == "fr" else 0] if names else name.replace("_", " ")


def _text(document: PackageDocument, name: str, value: float, language: str) -> str:
    if name in _SHARES:
        return percent(value, language, 1)
    if name in _IN_UNIT and document.task == "regression":
        first = document.outputs[0]
        return quantity(value, first.unit, language, first.decimals)
    return number(value, language)
