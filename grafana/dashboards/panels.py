"""The kinds of panel. Each says what it shows, in which unit, and from where on it is bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    heatmap,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.dashboard import (
    DashboardLink,
    FieldColor,
    Panel,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
MLFLOW_VERSION = "${mlflow}/#/models/%s/versions/%s"

Steps = tuple[tuple[float | None, str], ...]
PLAIN: Steps = ((None, "green"),)
"""For values that are neither good nor bad."""

P = TypeVar(
    "P",
    Panel,
    barchart.Panel,
    bargauge.Panel,
    heatmap.Panel,
    stat.Panel,
    table.Panel,
    timeseries.Panel,
)


def rising(warning: float, bad: float) -> Steps:
    """Thresholds of a value that is bad when it is high."""
    return ((None, "green"), (warning, "orange"), (bad, "red"))


def falling(bad: float, warning: float) -> Steps:
    """Thresholds of a value that is bad when it is low."""
    return ((None, "red"), (bad, "orange"), (warning, "green"))


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus; `legend` names a series by its labels."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Face:
    """What every panel has. `width` counts 24ths of the page; `top` is the end of the axis."""

    title: str
    description: str
    unit: str
    steps: Steps = PLAIN
    width: int = 8
    height: int = 8
    top: float | None = None
    to_version: bool = False
    """Whether a value leads to its model version in MLflow: its labels name both."""
    without_data: str = ""
    """What stands there instead of `No data`, where there is a reason for it."""


def graph(face: Face, *queries: Query, stacked: bool = False) -> timeseries.Panel:
    """Values over time."""
    panel = _dress(timeseries.Panel(), face)
    panel.color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    panel.tooltip(_tooltip()).legend(_legend())
    panel.fill_opacity(30 if stacked else 5).line_width(1).show_points(VisibilityMode.NEVER)
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if len(face.steps) > 1:
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        )
    return _ask(panel, queries)


def number(face: Face, query: Query) -> stat.Panel:
    """The value of now, with its course behind it."""
    panel = _dress(stat.Panel(), face)
    panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    panel.graph_mode(BigValueGraphMode.AREA)
    return _ask(panel, [query])


def bars(face: Face, query: Query) -> bargauge.Panel:
    """The values of now as bars, coloured by the thresholds."""
    panel = _dress(bargauge.Panel(), face)
    panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    panel.orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC)
    return _ask(panel, [query], instant=True)


def heat(face: Face, query: Query, *, buckets: bool = False) -> heatmap.Panel:
    """Values over time as colours: a row per series, or per bucket of a histogram."""
    panel = _dress(heatmap.Panel(), face)
    panel.calculate(False)
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).steps(64)
    # few, many: light, dark; the other scheme the other way round: green, yellow, red
    colour.scheme("Blues" if buckets else "RdYlGn").reverse(not buckets)
    colour.min(0)
    if face.top is not None:
        colour.max(face.top)
    panel.color(colour)
    if buckets:
        panel.y_axis(heatmap.YAxisConfig().unit(face.unit))
    else:
        panel.cell_values(heatmap.CellValues().unit(face.unit))
    target = _target(query, "A")
    target.format(PromQueryFormat.HEATMAP if buckets else PromQueryFormat.TIME_SERIES)
    return panel.with_target(target)


def rows(face: Face, query: Query) -> table.Panel:
    """The series of now as rows, a column per label; the legend is the title of the value."""
    panel = _dress(table.Panel(), face)
    panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    panel.with_transformation(_without(names={"Value": query.legend}))
    coloured = DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})
    panel.override_by_name(query.legend, [coloured])
    return panel.with_target(_as_table(query, "A"))


def distribution(face: Face, live: Query, reference: Query) -> barchart.Panel:
    """Two shares per bin side by side. The label `edge` orders the bins and is not shown."""
    panel = _dress(barchart.Panel(), face)
    panel.color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    panel.x_field("bin").orientation(VizOrientation.VERTICAL).x_tick_label_rotation(-45)
    panel.show_value(VisibilityMode.NEVER).tooltip(_tooltip()).legend(_legend())
    panel.transformations(
        [
            DataTransformerConfig(id_val="merge", options={}),
            DataTransformerConfig(
                id_val="convertFieldType",
                options={"conversions": [{"targetField": "edge", "destinationType": "number"}]},
            ),
            DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": "edge"}]}),
            _without("edge", names={"Value #A": live.legend, "Value #B": reference.legend}),
        ]
    )
    return panel.with_target(_as_table(live, "A")).with_target(_as_table(reference, "B"))


def alerts(face: Face) -> Panel:
    """What Prometheus fires and what it is about to, with summaries and runbooks."""
    panel = _dress(Panel().type("alertlist"), face)
    panel.options(
        {
            "datasource": "Prometheus",
            "viewMode": "list",
            "groupMode": "default",
            "maxItems": 50,
            "sortOrder": 3,
            "stateFilter": {"firing": True, "pending": True, "error": True},
        }
    )
    return panel


def _dress(panel: P, face: Face) -> P:
    panel.title(face.title).description(face.description).unit(face.unit)
    panel.datasource(DATASOURCE).span(face.width).height(face.height).min(0)
    panel.thresholds(
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in face.steps])
    )
    if face.top is not None:
        panel.max(face.top)
    if face.without_data:
        panel.no_value(face.without_data)
    if face.to_version:
        panel.data_links([_version_link(of_table=isinstance(panel, table.Panel))])
    return panel


def _version_link(*, of_table: bool) -> DashboardLink:
    where = "__data.fields" if of_table else "__field.labels"
    model, version = f"${{{where}.model}}", f"${{{where}.version}}"
    link = DashboardLink("This version in MLflow").url(MLFLOW_VERSION % (model, version))
    return link.target_blank(True)


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST)
    return legend.placement(LegendPlacement.BOTTOM).show_legend(True)


def _ask(panel: P, queries: list[Query] | tuple[Query, ...], *, instant: bool = False) -> P:
    for letter, query in zip("ABCDEF", queries, strict=False):
        target = _target(query, letter)
        panel.with_target(target.instant() if instant else target)
    return panel


def _target(query: Query, letter: str) -> Dataquery:
    target = Dataquery().expr(query.expr).ref_id(letter).datasource(DATASOURCE).range()
    return target.legend_format(query.legend)


def _as_table(query: Query, letter: str) -> Dataquery:
    return _target(query, letter).instant().format(PromQueryFormat.TABLE)


def _without(*fields: str, names: dict[str, str] | None = None) -> DataTransformerConfig:
    excluded = dict.fromkeys(("Time", *fields), True)
    options = {"excludeByName": excluded, "renameByName": names or {}}
    return DataTransformerConfig(id_val="organize", options=options)
