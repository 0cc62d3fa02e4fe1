"""The model card: one page on what a model is for, what it saw, how good it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.models.text import text_in
from vigie.models.wording import describe

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.evaluation import Evaluation
    from vigie.training.packaging import Trained


def model_card(
    trained: Trained,
    baselines: Mapping[str, float],
    evaluation: Evaluation,
    held_out_rows: int,
    sections: Sequence[str] = (),
) -> str:
    """One page in Markdown: what the model is for, what it saw, how good it is.

    `sections` are lines of its own that a kind of training adds.
    """
    plan, rules = trained.plan, trained.training.rules
    errors = {} if math.isnan(evaluation.error) else {"this network": evaluation.error, **baselines}
    parts = [
        f"# {text_in(plan.title, 'en')}\n",
        _origin(trained),
        "\n## Inputs\n",
        *table(
            ("name", "takes", "seen in training"),
            [(f"`{i.name}`", describe(i), _seen(i)) for i in plan.inputs],
        ),
        f"\n## Quality on {held_out_rows} held-out rows\n",
        *table(("figure", "value"), _figures(trained.metrics)),
        *(["", *table(("model", "error"), _figures(errors))] if errors else []),
    ]
    if evaluation.slices:
        parts.append("\n## Where it errs\n")
        parts += table(("input", "slice", "rows", "error"), map(_slice, evaluation.slices))
    parts += sections
    if rules:
        parts.append("\n## Rows left out\n")
        parts += table(("rule", "rows"), [(rule.name, str(rule.dropped)) for rule in rules])
    if any(item.range or item.choices for item in plan.inputs):
        parts.append("\nOutside the ranges above the model guesses; the service warns there.")
    parts.append("")
    return "\n".join(parts)


def _origin(trained: Trained) -> str:
    """The sentence on the network and the rows it was trained on."""
    plan, data = trained.plan, trained.training
    warning = "**Trained on generated data: its answers say nothing about real ones.**\n\n"
    return (
        (warning if data.generated else "")
        + f"A {trained.kind} for {plan.task}, trained at {trained.trained_at}"
        f" on {len(data)} rows ({text_in(data.source, 'en')}){_feedback(trained)}."
    )


def _feedback(trained: Trained) -> str:
    if not trained.feedback_rows:
        return ""
    return (
        f", {trained.feedback_rows} of them feedback: what earlier versions were asked, with what "
        "turned out to be true. None of these is among the held-out rows"
    )


def _seen(item: Input) -> str:
    if item.range is not None:
        return f"{item.range[0]:g} to {item.range[1]:g}"
    if item.choices is not None:
        return f"{len(item.choices.values)} values"
    return ""


def _figures(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(name, f"{value:.6g}") for name, value in figures.items()]


def _slice(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return entry["input"], entry["slice"], str(entry["rows"]), f"{entry['error']:.6g}"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    lines = (names, ["---"] * len(names), *rows)
    return [f"| {' | '.join(cells)} |" for cells in lines]
