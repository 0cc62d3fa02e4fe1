"""The catalogue of problems in French."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vigie.serving.problems import PROBLEMS, Problem

_FRENCH: Mapping[str, tuple[str, str, str]] = {
    "invalid-input": (
        "Entrée invalide",
        (
            "Une valeur manque, est inconnue, n'a pas le bon type, sort de ses limites ou ne "
            "fait pas partie des choix. `errors` nomme chaque champ."
        ),
        "",
    ),
    "malformed-request": (
        "Requête illisible",
        "Le corps n'est pas du JSON, ou la requête n'est pas du HTTP.",
        "",
    ),
    "invalid-header": ("En-tête invalide", "Un en-tête ne dit pas ce qu'il devrait.", ""),
    "unauthorized": (
        "Clé requise",
        (
            "Le service demande une clé : `Authorization: Bearer <clé>` ou `X-Api-Key`. "
            "Aucune n'a été envoyée, ou elle est inconnue, révoquée ou expirée."
        ),
        "Cette page demande une clé, que les navigateurs n'envoient pas. Interrogez l'API.",
    ),
    "forbidden": (
        "Accès refusé",
        "La clé est valable, mais son rôle ne suffit pas pour cette route.",
        "",
    ),
    "not-found": (
        "Introuvable",
        "Ce modèle, cette version ou cette route n'existe pas.",
        "Cette page n'existe pas.",
    ),
    "conflict": (
        "Une autre vérité est connue",
        (
            "Une autre vérité est connue pour la même ligne ; la première reste. Les autres "
            "vérités de la même requête sont enregistrées."
        ),
        "",
    ),
    "method-not-allowed": (
        "Méthode non autorisée",
        "La route prend une autre méthode ; voir `Allow`.",
        "Cette adresse prend une autre méthode.",
    ),
    "too-large": (
        "Requête trop volumineuse",
        "Le corps, l'adresse ou les en-têtes dépassent les limites du service.",
        "L'envoi est trop volumineux.",
    ),
    "too-slow": (
        "Requête trop lente",
        "La requête n'est pas arrivée à temps ; rien n'a été fait.",
        "",
    ),
    "unsupported-media-type": (
        "Type de contenu non pris en charge",
        "Envoyez `application/json`, sans compression.",
        "",
    ),
    "model-failure": (
        "Le modèle a échoué",
        "Le modèle a échoué, ou a répondu par un nombre qui n'est pas fini.",
        "Le modèle n'a pas pu répondre pour ces valeurs. D'autres peuvent convenir.",
    ),
    "unavailable": (
        "Indisponible pour le moment",
        (
            "Service plein, en cours d'arrêt, ou sans modèle utilisable ; réessayez après "
            "`Retry-After` secondes."
        ),
        "Le service est plein, s'arrête, ou n'a pas de modèle utilisable. Réessayez bientôt.",
    ),
    "deadline-exceeded": (
        "Délai dépassé",
        "La réponse serait arrivée trop tard ; le calcul n'a pas été fait.",
        "La réponse a pris trop de temps et a été abandonnée. Réessayez.",
    ),
    "internal-error": (
        "Erreur interne",
        "Une erreur du service lui-même ; son journal l'a notée sous l'identifiant de requête.",
        "Le service a échoué. Son exploitant trouve la cause sous l'identifiant de requête.",
    ),
}
"""By code: heading, meaning and advice; empty where the meaning is all there is to say."""


def problem_in(code: str, language: str) -> Problem:
    """What people are told of a problem type in their language."""
    problem = PROBLEMS[code]
    if language != "fr":
        return problem
    heading, meaning, advice = _FRENCH[code]
    return replace(problem, heading=heading, meaning=meaning, advice=advice or meaning)
