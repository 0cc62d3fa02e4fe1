"""What the dashboards share: the frame, the variables and what they select, usual questions."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import (
    CustomVariable,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.panels import DATASOURCE

MODEL = 'model=~"$model"'
VERSION = 'model=~"$model", version=~"$version"'
REPLICA = 'instance=~"$replica"'


def quantile(share: float, buckets: str, *labels: str) -> str:
    """A quantile of a histogram, per combination of labels."""
    kept = ", ".join(("le", *labels))
    return f"histogram_quantile({share}, sum by ({kept}) (rate({buckets}[$__rate_interval])))"


def since(timestamp: str) -> str:
    """The time since a point in time, or since the service began where it is 0: not yet."""
    began = 'min(process_start_time_seconds{job="vigie"})'
    return f"time() - (max({timestamp}) > 0 or {began})"


def dashboard(uid: str, title: str, description: str, *, hours: int = 1) -> Dashboard:
    """An empty dashboard that shows the last hours and cannot be changed in the browser."""
    return (
        Dashboard(f"Vigie: {title}")
        .uid(f"vigie-{uid}")
        .description(description)
        .tags(["vigie"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .timezone("browser")
        .time(f"now-{hours}h", "now")
        .refresh("30s")
        .link(_siblings())
        .link(DashboardLink("MLflow").url("${mlflow}").type(DashboardLinkType.LINK))
        .with_variable(_datasource())
        .with_variable(_mlflow())
    )


def model(*, single: bool = False) -> QueryVariable:
    """The models that serve."""
    variable = _choice("model", "Model", "label_values(vigie_model_info, model)")
    return variable if single else _many(variable)


def version(*, single: bool = False) -> QueryVariable:
    """The versions of the chosen models that answer or answered just before, newest first."""
    query = f"label_values(vigie_predictions_total{{{MODEL}}}, version)"
    variable = _choice("version", "Version", query).sort(VariableSort.NUMERICAL_DESC)
    return variable if single else _many(variable)


def replica() -> QueryVariable:
    """The instances of the service."""
    return _many(_choice("replica", "Replica", 'label_values(up{job="vigie"}, instance)'))


def machine() -> QueryVariable:
    """The machines that the node exporter reports on."""
    return _many(_choice("machine", "Machine", 'label_values(up{job="node"}, instance)'))


def feature() -> QueryVariable:
    """One input of the chosen model."""
    query = f"label_values(vigie_feature_reference_ratio{{{VERSION}}}, feature)"
    return _choice("feature", "Input", query)


def window() -> CustomVariable:
    """The time over which drift and live error are taken; the rules record these three."""
    return (
        CustomVariable("window")
        .label("Window")
        .values("1h,6h,24h")
        .current(VariableOption(text="1h", value="1h"))
    )


def _mlflow() -> QueryVariable:
    """MLflow's address for people's browsers, as the settings of the service have it."""
    query = "label_values(vigie_links_info, mlflow)"
    return _choice("mlflow", "MLflow", query).hide(VariableHide.HIDE_VARIABLE)


def _datasource() -> DatasourceVariable:
    option = VariableOption(text="Prometheus", value="prometheus")
    return DatasourceVariable("datasource").label("Data source").type("prometheus").current(option)


def _choice(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def _many(variable: QueryVariable) -> QueryVariable:
    everything = VariableOption(text="All", value="$__all")
    return variable.multi(True).include_all(True).all_value(".*").current(everything)


def _siblings() -> DashboardLink:
    return (
        DashboardLink("Vigie")
        .type(DashboardLinkType.DASHBOARDS)
        .tags(["vigie"])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )
