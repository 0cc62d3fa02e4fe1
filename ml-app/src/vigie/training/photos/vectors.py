"""What a network of photos answers as vectors: how far they are reduced, what they are near to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.models.model_output import Output
from vigie.models.vectors import Reduction
from vigie.training.photos.plan import FEATURES, VECTOR
from vigie.training.photos.retrieval import COSINE, retrieval_lines
from vigie.training.report import plot_shares

if TYPE_CHECKING:
    from vigie.training.photos.reduction import FittedReduction
    from vigie.training.references import References

VECTOR_DECIMALS = 6


@dataclass(frozen=True)
class Vectors:
    """The vectors of one network, which it answers as `output`.

    `held_out_variance` is the share of the variance of held-out photos that the reduction keeps;
    `retrieval` are the figures of the references by distance.
    """

    output: str
    reduction: FittedReduction | None = None
    held_out_variance: float = 1.0
    references: References | None = None
    retrieval: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures that a package and a run keep of them."""
        figures = dict(self.retrieval.get(COSINE, {}))
        if self.reduction is not None:
            figures["explained_variance"] = float(self.reduction.shares.sum())
            figures["explained_variance_held_out"] = self.held_out_variance
        return figures

    @property
    def described(self) -> Reduction | None:
        """What `package.json` says of the components in the graph."""
        if self.reduction is None:
            return None
        return Reduction(
            output=self.output,
            of=FEATURES,
            components=len(self.reduction),
            centred=True,
            explained_variance=tuple(self.reduction.shares.tolist()),
        )

    def write_report(self, plots: Path) -> list[str]:
        """Draws the shares of the components into a folder; what a model card says, Markdown."""
        lines: list[str] = []
        if self.reduction is not None:
            plot_shares(plots / "explained_variance.png", self.reduction.shares)
            lines += self._reduction_lines(self.reduction)
        if self.references is not None:
            kept, count = len(self.references.neighbours), self.references.described.count
            lines += retrieval_lines(self.retrieval, kept, count)
        return lines

    def _reduction_lines(self, reduction: FittedReduction) -> list[str]:
        told = (
            f"{len(reduction)} principal components of {len(reduction.mean)} features, found on "
            "training photos alone, the mean taken off. They keep "
            f"{float(reduction.shares.sum()):.1%} of the variance of these, and "
            f"{self.held_out_variance:.1%} of that of the held-out photos around the same mean."
        )
        return ["\n## Reduced vector\n", told]


def vector_output(width: int) -> Output:
    """The output of the components behind a head."""
    return Output(
        name=VECTOR,
        label={"en": "Vector", "fr": "Vecteur"},
        tensor=VECTOR,
        shape=(width,),
        decimals=VECTOR_DECIMALS,
    )


def features_output(width: int) -> Output:
    """The output of the features, which no answer shows."""
    return Output(
        name=FEATURES,
        label={"en": "Features", "fr": "Caractéristiques"},
        tensor=FEATURES,
        shape=(width,),
        shown=False,
    )
