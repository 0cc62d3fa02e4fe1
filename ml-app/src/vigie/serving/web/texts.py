"""Every text of the pages, in each language that they speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vigie.serving.web.status_texts import STATUS_TEXTS

LANGUAGES: Mapping[str, str] = {"en": "English", "fr": "Français"}
DEFAULT_LANGUAGE = "en"

Translate = Callable[..., str]

_TEXTS: Mapping[str, tuple[str, str]] = {
    # frame
    "skip": ("Skip to the content", "Aller au contenu"),
    "tagline": ("Predictions you can check", "Des prédictions vérifiables"),
    "models": ("Models", "Modèles"),
    "api": ("API", "API"),
    "status": ("Status", "État"),
    "language": ("Language", "Langue"),
    "openapi": ("OpenAPI document", "Document OpenAPI"),
    "mlflow": ("Runs and versions (MLflow)", "Essais et versions (MLflow)"),
    "grafana": ("Dashboards (Grafana)", "Tableaux de bord (Grafana)"),
    "request_id": ("Request id", "Identifiant de requête"),
    # form
    "values": ("Values", "Valeurs"),
    "predict": ("Predict", "Prédire"),
    "required_note": ("* required", "* obligatoire"),
    "optional": ("optional", "facultatif"),
    "choose": ("Choose", "Choisir"),
    "not_given": ("Not given", "Non renseigné"),
    "or_other": (
        "Pick from the list or type another value.",
        "Choisissez dans la liste ou saisissez une autre valeur.",
    ),
    "seen": ("Seen in training: {low} to {high}.", "Vu à l'entraînement : {low} à {high}."),
    "from_to": ("From {low} to {high}.", "De {low} à {high}."),
    "at_least": ("At least {low}.", "Au moins {low}."),
    "at_most": ("At most {high}.", "Au plus {high}."),
    "several": (
        "{count} values, separated by commas.",
        "{count} valeurs, séparées par des points-virgules.",
    ),
    # what to put right
    "error_prefix": ("Error", "Erreur"),
    "summary": ("Please check these values", "Vérifiez ces valeurs"),
    "enter_integer": ("Enter a whole number", "Entrez un nombre entier"),
    "enter_number": ("Enter a number", "Entrez un nombre"),
    "enter_text": ("Enter a text", "Entrez un texte"),
    "enter_choice": ("Choose a value from the list", "Choisissez une valeur de la liste"),
    "enter_list": (
        "Enter {count} values, separated by commas",
        "Entrez {count} valeurs, séparées par des points-virgules",
    ),
    "phrase_from_to": (" from {low} to {high}", " de {low} à {high}"),
    "phrase_at_least": (" of at least {low}", " d'au moins {low}"),
    "phrase_at_most": (" of at most {high}", " d'au plus {high}"),
    "phrase_optional": (", or leave it empty", ", ou laissez vide"),
    "kept": (
        "Your values are kept below; nothing was stored.",
        "Vos valeurs sont conservées ci-dessous ; rien n'a été enregistré.",
    ),
    # result
    "result": ("Result", "Résultat"),
    "interval": (
        "In {level} of comparable cases the real value lies between {low} and {high}.",
        "Dans {level} des cas comparables, la valeur réelle se situe entre {low} et {high}.",
    ),
    "interval_bare": (
        "The real value probably lies between {low} and {high}.",
        "La valeur réelle se situe probablement entre {low} et {high}.",
    ),
    "scores": ("Score of each answer", "Score de chaque réponse"),
    "outputs": ("Outputs", "Sorties"),
    "output": ("Output", "Sortie"),
    "value": ("Value", "Valeur"),
    "numbers": ("{count} numbers: {first}", "{count} nombres : {first}"),
    "warnings": ("Take this answer with care", "Réponse à prendre avec prudence"),
    "warn_range": (
        "{label}: outside the range seen in training ({low} to {high}).",
        "{label} : hors de la plage vue à l'entraînement ({low} à {high}).",
    ),
    "warn_choice": (
        "{label}: a value that was not seen in training.",
        "{label} : valeur jamais vue à l'entraînement.",
    ),
    "change": ("Change the values", "Changer les valeurs"),
    "same_by_api": ("The same request by the API", "La même requête par l'API"),
    "version": ("Model version", "Version du modèle"),
    # about
    "about": ("About this model", "À propos de ce modèle"),
    "source": ("Data", "Données"),
    "rows": ("Rows", "Lignes"),
    "trained": ("Trained", "Entraîné le"),
    "served": ("Serving version", "Version en service"),
    "metrics": ("Quality on data kept aside", "Qualité sur des données mises de côté"),
    "generated_title": (
        "Made-up data: do not use these numbers",
        "Données fictives : n'utilisez pas ces chiffres",
    ),
    "generated": (
        (
            "This model was trained on a generated market, not on real sales. "
            "It shows how the service works; its estimates say nothing about real prices."
        ),
        (
            "Ce modèle a été entraîné sur un marché généré, pas sur des ventes réelles. Il "
            "montre comment marche le service ; ses estimations ne disent rien des vrais prix."
        ),
    ),
    # no model
    "none_title": ("No model is ready yet", "Aucun modèle n'est prêt"),
    "none_text": (
        "The service runs, but it has no verified model version to answer with.",
        "Le service fonctionne, mais aucune version de modèle vérifiée ne peut répondre.",
    ),
    "none_train": (
        "Train and register a model, for example with `vigie train housing`.",
        "Entraînez et enregistrez un modèle, par exemple avec `vigie train housing`.",
    ),
    "none_promote": (
        "In MLflow, check that a version has the alias `champion`.",
        "Dans MLflow, vérifiez qu'une version porte l'alias `champion`.",
    ),
    "none_follow": (
        "Check that the registry process (`vigie follow`) is running; it fetches new versions.",
        (
            "Vérifiez que le processus de registre (`vigie follow`) tourne ; il va chercher les "
            "nouvelles versions."
        ),
    ),
    "what_to_do": ("What to do", "Que faire"),
    "state_of_models": ("What the service says", "Ce que dit le service"),
    "look_again": ("Look again", "Réessayer"),
    "home": ("Back to the start", "Retour à l'accueil"),
    # documentation
    "docs_title": ("API documentation", "Documentation de l'API"),
    "docs_intro": (
        (
            "Send rows as JSON, get one prediction per row. Every answer carries the model version "
            "and a request id."
        ),
        (
            "Envoyez des lignes en JSON, recevez une prédiction par ligne. Chaque réponse porte la "
            "version du modèle et un identifiant de requête."
        ),
    ),
    "docs_first": ("also answers", "répond aussi à"),
    "inputs": ("Inputs", "Entrées"),
    "name": ("Name", "Nom"),
    "type": ("Type", "Type"),
    "unit": ("Unit", "Unité"),
    "taken": ("Taken values", "Valeurs acceptées"),
    "required": ("Required", "Obligatoire"),
    "yes": ("yes", "oui"),
    "no": ("no", "non"),
    "try_it": ("Try it", "Essayer"),
    "answer": ("Answer", "Réponse"),
    "open_form": ("Open the form", "Ouvrir le formulaire"),
    "any": ("any", "toutes"),
    "or_others": ("others are taken with a warning", "d'autres sont acceptées, avec un avis"),
    "operations": ("Operations", "Exploitation"),
    "method": ("Method", "Méthode"),
    "route": ("Route", "Route"),
    "meaning": ("Meaning", "Signification"),
    "errors": ("Errors", "Erreurs"),
    "errors_intro": (
        (
            "Errors are problem documents (RFC 9457, application/problem+json). `type` names one "
            "of these; `errors` points at each wrong value."
        ),
        (
            "Les erreurs sont des documents « problem » (RFC 9457, application/problem+json). "
            "`type` désigne l'une de celles-ci ; `errors` pointe chaque valeur fautive."
        ),
    ),
    "code": ("Type", "Type"),
    "http_status": ("Status", "Statut"),
    "all_errors": ("All errors", "Toutes les erreurs"),
    **STATUS_TEXTS,
}


def translator(language: str) -> Translate:
    """A function that gives the text of a key in `language`, its places filled."""
    column = 1 if language == "fr" else 0

    def translate(key: str, **places: object) -> str:
        text = _TEXTS[key][column]
        return text.format(**places) if places else text

    return translate
