"""The model card: one page on what the model is for, what it saw, how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vigie.models.document import text_in
from vigie.models.wording import describe
from vigie.training.evaluation import main_error
from vigie.training.packaging import Trained


def model_card(
    trained: Trained,
    baselines: Mapping[str, float],
    slices: Sequence[Mapping[str, Any]],
    held_out_rows: int,
) -> str:
    """A short page in Markdown."""
    plan, data = trained.plan, trained.training
    warning = "**Trained on generated data: its answers say nothing about real ones.**\n\n"
    parts = [
        f"# {text_in(plan.title, 'en')}\n",
        (warning if data.generated else "")
        + f"A {plan.architecture} Keras network for {plan.task}, trained at {trained.trained_at}"
        f" on {len(data)} rows ({text_in(data.source, 'en')}){_fed(trained)}.\n",
        "## Inputs\n",
        "| name | takes | seen in training |\n| --- | --- | --- |",
        *(f"| `{i.name}` | {describe(i)} | {_seen(i)} |" for i in plan.inputs),
        f"\n## Quality on {held_out_rows} held-out rows\n",
        "| figure | value |\n| --- | --- |",
        *(f"| {name} | {value:.6g} |" for name, value in trained.metrics.items()),
        "\n| model | error |\n| --- | --- |",
        f"| this network | {main_error(plan.task, dict(trained.metrics)):.6g} |",
        *(f"| {name} | {value:.6g} |" for name, value in baselines.items()),
    ]
    if slices:
        parts += [
            "\n## Where it errs\n",
            "| input | slice | rows | error |\n| --- | --- | --- | --- |",
        ]
        parts += [
            f"| {e['input']} | {e['slice']} | {e['rows']} | {e['error']:.6g} |" for e in slices
        ]
    if data.rules:
        parts += ["\n## Rows left out\n", "| rule | rows |\n| --- | --- |"]
        parts += [f"| {rule.name} | {rule.dropped} |" for rule in data.rules]
    parts.append("\nOutside the ranges above the model guesses; the service warns there.\n")
    return "\n".join(parts)


def _fed(trained: Trained) -> str:
    if not trained.feedback_rows:
        return ""
    return (
        f", {trained.feedback_rows} of them feedback: what earlier versions were asked, with what "
        "turned out to be true. None of these is among the held-out rows"
    )


def _seen(item: Any) -> str:
    if item.range is not None:
        return f"{item.range[0]:g} to {item.range[1]:g}"
    if item.choices is not None:
        return f"{len(item.choices.values)} values"
    return ""
