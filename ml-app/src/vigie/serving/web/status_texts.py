"""The texts of the status page, in each language."""

from __future__ import annotations

from collections.abc import Mapping

STATUS_TEXTS: Mapping[str, tuple[str, str]] = {
    "status_now": (
        "{time} UTC, refreshed every {seconds} s.",
        "{time} UTC, actualisé toutes les {seconds} s.",
    ),
    "status_pause": ("Pause", "Suspendre"),
    "status_still": ("{time} UTC, paused.", "{time} UTC, en pause."),
    "status_resume": ("Resume", "Reprendre"),
    "status_well": ("Nothing needs a look", "Rien à signaler"),
    "status_look": ("Have a look", "À regarder"),
    "look_absent": ("{model} is not served.", "{model} n'est pas en service."),
    "colon": (": ", " : "),
    "look_drift": (
        "{model}: far from the training data: {names}.",
        "{model} : loin des données d'entraînement : {names}.",
    ),
    "look_more": ("{count} more", "{count} de plus"),
    "look_error": (
        "{model}: the live error is {times} times that of training.",
        "{model} : l'erreur réelle est {times} fois celle de l'entraînement.",
    ),
    "look_failed": (
        "{share} of the predictions asked for in 5 minutes failed.",
        "{share} des prédictions demandées en 5 minutes ont échoué.",
    ),
    "look_log": (
        "The prediction log is not written.",
        "Le journal des prédictions n'est pas écrit.",
    ),
    "look_registry": (
        "The registry has not answered for {age}.",
        "Le registre n'a pas répondu depuis {age}.",
    ),
    # traffic
    "traffic": ("Predictions asked for", "Prédictions demandées"),
    "traffic_since": (
        "The last {minutes} minutes, all workers",
        "Les {minutes} dernières minutes, tous les processus",
    ),
    "traffic_none": (
        "There is no history yet: it begins 10 to 20 seconds after the service.",
        "Pas encore d'historique : il commence 10 à 20 secondes après le service.",
    ),
    "traffic_quiet": (
        "No prediction was asked for in this time.",
        "Aucune prédiction n'a été demandée pendant ce temps.",
    ),
    "per_second": ("Requests a second", "Requêtes par seconde"),
    "failed": ("Failed (5xx)", "En échec (5xx)"),
    "turned_down": ("Refused (4xx)", "Refusées (4xx)"),
    "p50": ("Half within (p50)", "La moitié en (p50)"),
    "p95": ("95% within (p95)", "95 % en (p95)"),
    "p99": ("99% within (p99)", "99 % en (p99)"),
    "spark_rate": ("Requests a second", "Requêtes par seconde"),
    "spark_p95": ("95% answered within", "95 % des réponses en"),
    "spark_most": ("at most {most}", "au plus {most}"),
    "spark_begin": ("10 min ago", "il y a 10 min"),
    "spark_end": ("now", "maintenant"),
    # models
    "serves": ("serves", "en service"),
    "absent": ("not served", "pas en service"),
    "engine": ("Engine", "Moteur"),
    "in_service": ("In service for", "En service depuis"),
    "ago": ("{age} ago", "il y a {age}"),
    "rows_answered": ("Rows answered", "Lignes prédites"),
    "challenger": ("Challenger", "Prétendant"),
    "refused_candidate": ("Version {version} was refused", "La version {version} a été refusée"),
    "refused_challenger": (
        "Challenger {version} was refused",
        "Le prétendant {version} a été refusé",
    ),
    "changes": ("Versions that served", "Versions mises en service"),
    "change_first": ("Version {version}", "Version {version}"),
    "change_after": ("Version {version}, after {before}", "Version {version}, après {before}"),
    "drift": ("Drift from the training data", "Écart aux données d'entraînement"),
    "drift_none": (
        (
            "Nothing is counted: the package has no profile of its training data, or lists and "
            "images alone."
        ),
        (
            "Rien n'est compté : le paquet n'a pas de profil des données d'entraînement, ou "
            "seulement des listes et des images."
        ),
    ),
    "drift_about": (
        (
            "Population stability index since the service started: to 0.1 stable, to 0.25 moved, "
            "above shifted."
        ),
        (
            "Indice de stabilité (PSI) depuis le démarrage : jusqu'à 0,1 stable, jusqu'à 0,25 à "
            "surveiller, au-delà dérive."
        ),
    ),
    "prediction": ("Prediction", "Prédiction"),
    "too few rows": ("too few rows ({rows} of {least})", "trop peu de lignes ({rows} sur {least})"),
    "stable": ("stable", "stable"),
    "moved": ("moved", "à surveiller"),
    "shifted": ("shifted", "dérive"),
    # truths
    "truths": ("Error against what turned out to be true", "Erreur face à la réalité"),
    "truths_none": (
        "No truth is known yet; callers send them to `POST /feedback`.",
        "Aucune vérité connue ; les appelants les envoient à `POST /feedback`.",
    ),
    "truths_few": (
        "{count} truths: too few to judge by ({least} needed).",
        "{count} vérités : trop peu pour juger (il en faut {least}).",
    ),
    "truths_count": ("{count} truths.", "{count} vérités."),
    "kind": ("Error", "Erreur"),
    "live": ("Live", "Réelle"),
    "in_training": ("Training", "Entraînement"),
    "error_absolute": ("Mean absolute error", "Erreur absolue moyenne"),
    "error_squared": ("Root mean squared error", "Racine de l'erreur quadratique moyenne"),
    "error_absolute_percentage": ("Mean relative error", "Erreur relative moyenne"),
    "error_wrong": ("Wrong answers", "Réponses fausses"),
    "error_outside_interval": ("Outside the interval", "Hors de l'intervalle"),
    # prediction log and service
    "log": ("Prediction log", "Journal des prédictions"),
    "log_off": ("Off: `VIGIE_PREDICTION_LOG`.", "Désactivé : `VIGIE_PREDICTION_LOG`."),
    "log_unwritten": ("Nothing was written yet.", "Rien n'a encore été écrit."),
    "log_stuck": (
        "Not written: {rows} rows wait. Predictions go on; see the service's log.",
        (
            "Pas écrit : {rows} lignes attendent. Les prédictions continuent ; voir le journal "
            "du service."
        ),
    ),
    "log_last": ("Last written", "Dernière écriture"),
    "log_written": ("Rows written", "Lignes écrites"),
    "log_queue": ("Rows waiting", "Lignes en attente"),
    "log_sampled_out": ("Left out above the rate", "Omises au-delà du débit"),
    "log_dropped": ("Dropped, queue full", "Perdues, file pleine"),
    "log_failed": ("Failed in the database", "Refusées par la base"),
    "service": ("Service", "Service"),
    "workers": ("Workers", "Processus"),
    "vigie_version": ("Vigie", "Vigie"),
    "started": ("Oldest worker started", "Plus ancien processus"),
    "registry": ("Registry last answered", "Dernière réponse du registre"),
    "never": ("never", "jamais"),
}
