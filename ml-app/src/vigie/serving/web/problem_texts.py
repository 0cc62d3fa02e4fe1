"""What each problem type is called, means and asks for, in each language of the pages."""

from __future__ import annotations

from collections.abc import Mapping

from vigie.serving.problems import KNOWN

_TITLES: Mapping[str, tuple[str, str]] = {
    "invalid-input": ("Invalid input", "Entrée invalide"),
    "malformed-request": ("Malformed request", "Requête illisible"),
    "invalid-header": ("Invalid header", "En-tête invalide"),
    "unauthorized": ("Key needed", "Clé requise"),
    "forbidden": ("Not allowed", "Accès refusé"),
    "not-found": ("Not found", "Introuvable"),
    "conflict": ("Another truth is known", "Une autre vérité est connue"),
    "method-not-allowed": ("Method not allowed", "Méthode non autorisée"),
    "too-large": ("Request too large", "Requête trop volumineuse"),
    "too-slow": ("Request too slow", "Requête trop lente"),
    "unsupported-media-type": ("Unsupported media type", "Type de contenu non pris en charge"),
    "model-failure": ("The model failed", "Le modèle a échoué"),
    "unavailable": ("Not available right now", "Indisponible pour le moment"),
    "deadline-exceeded": ("It took too long", "Délai dépassé"),
    "internal-error": ("Internal error", "Erreur interne"),
}

_FRENCH: Mapping[str, str] = {
    "invalid-input": "Une valeur manque, est inconnue, n'a pas le bon type, sort de ses limites "
    "ou ne fait pas partie des choix. `errors` nomme chaque champ.",
    "malformed-request": "Le corps n'est pas du JSON, ou la requête n'est pas du HTTP.",
    "invalid-header": "Un en-tête ne dit pas ce qu'il devrait.",
    "unauthorized": "Le service demande une clé : `Authorization: Bearer <clé>` ou `X-Api-Key`. "
    "Aucune n'a été envoyée, ou elle est inconnue, révoquée ou expirée.",
    "forbidden": "La clé est valable, mais son rôle ne suffit pas pour cette route.",
    "not-found": "Ce modèle, cette version ou cette route n'existe pas.",
    "conflict": "Une autre vérité est connue pour la même ligne ; la première reste. Les autres "
    "vérités de la même requête sont enregistrées.",
    "method-not-allowed": "La route prend une autre méthode ; voir `Allow`.",
    "too-large": "Le corps, l'adresse ou les en-têtes dépassent les limites du service.",
    "too-slow": "La requête n'est pas arrivée à temps ; rien n'a été fait.",
    "unsupported-media-type": "Envoyez `application/json`, sans compression.",
    "model-failure": "Le modèle a échoué, ou a répondu par un nombre qui n'est pas fini.",
    "unavailable": "Service plein, en cours d'arrêt, ou sans modèle utilisable ; réessayez après "
    "`Retry-After` secondes.",
    "deadline-exceeded": "La réponse serait arrivée trop tard ; le calcul n'a pas été fait.",
    "internal-error": "Une erreur du service lui-même ; son journal l'a notée sous "
    "l'identifiant de requête.",
}


_ADVICE: Mapping[str, tuple[str, str]] = {
    "unauthorized": (
        "This page asks for a key, which browsers do not send. Ask the API with one.",
        "Cette page demande une clé, que les navigateurs n'envoient pas. Interrogez l'API.",
    ),
    "not-found": ("This page does not exist.", "Cette page n'existe pas."),
    "method-not-allowed": (
        "This address takes another method.",
        "Cette adresse prend une autre méthode.",
    ),
    "too-large": ("What you sent is too large.", "L'envoi est trop volumineux."),
    "unavailable": (
        "The service is full, stopping, or has no usable model. Try again soon.",
        "Le service est plein, s'arrête, ou n'a pas de modèle utilisable. Réessayez bientôt.",
    ),
    "deadline-exceeded": (
        "The answer took too long and was given up. Try again.",
        "La réponse a pris trop de temps et a été abandonnée. Réessayez.",
    ),
    "model-failure": (
        "The model could not answer for these values. Others may work.",
        "Le modèle n'a pas pu répondre pour ces valeurs. D'autres peuvent convenir.",
    ),
    "internal-error": (
        "The service failed. Its operator finds the cause under the request id.",
        "Le service a échoué. Son exploitant trouve la cause sous l'identifiant de requête.",
    ),
}


def problem_title(code: str, title: str, language: str) -> str:
    """The title of a problem type for people; `title` where the type is not a known one."""
    titles = _TITLES.get(code)
    return titles[1 if language == "fr" else 0] if titles else title


def problem_meaning(code: str, language: str) -> str:
    """What a problem type means."""
    english = KNOWN.get(code, KNOWN["internal-error"])
    return _FRENCH.get(code, english) if language == "fr" else english


def problem_advice(code: str, language: str) -> str:
    """What a problem means for the person in front of a page."""
    advice = _ADVICE.get(code)
    return advice[1 if language == "fr" else 0] if advice else problem_meaning(code, language)
