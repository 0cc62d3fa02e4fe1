"""Machine and containers: utilisation, saturation and errors of what the service runs on."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards import frame
from dashboards.frame import REPLICA
from dashboards.panels import Face, Query, graph, rising

MACHINE = 'job="node", instance=~"$machine"'
DISK = f'{MACHINE}, fstype!~"tmpfs|overlay|squashfs|ramfs|fuse.*|nsfs"'
CONTAINER = 'job="cadvisor", name!=""'
SHARE = rising(0.85, 0.95)
NEEDS = "Has data where cAdvisor runs."
WITHOUT = "Needs cAdvisor: docs/containers.md"


def build() -> Dashboard:
    """The dashboard."""
    board = frame.dashboard(
        "machine", "Machine and containers", "Utilisation, saturation, errors.", hours=6
    )
    for variable in (frame.machine(), frame.replica()):
        board.with_variable(variable)
    _processor_and_memory(board)
    _disk(board)
    _network_and_clock(board)
    _service(board)
    board.with_row(_containers())
    return board


def _rate(metric: str, labels: str = MACHINE) -> str:
    return f"rate({metric}{{{labels}}}[$__rate_interval])"


def _processor_and_memory(board: Dashboard) -> None:
    board.with_row(Row("Processor and memory"))
    idle = _rate("node_cpu_seconds_total", f'{MACHINE}, mode="idle"')
    cores = f'count by (instance) (node_cpu_seconds_total{{{MACHINE}, mode="idle"}})'
    board.with_panel(graph(
        Face("Processor used", "Share of the processor time that is not idle.", "percentunit",
             SHARE, width=6, top=1),
        Query(f"1 - avg by (instance) ({idle})", "{{instance}}"),
    )).with_panel(graph(
        Face("Load by core", "Processes that run or wait to, by core, mean of a minute. Above 1 "
             "something waits.", "none", rising(1, 2), width=6),
        Query(f"sum by (instance) (node_load1{{{MACHINE}}}) / {cores}", "{{instance}}"),
    )).with_panel(graph(
        Face("Memory used", "Share of the memory that nothing could get any more.",
             "percentunit", rising(0.8, 0.9), width=6, top=1),
        Query(f"1 - node_memory_MemAvailable_bytes{{{MACHINE}}}"
              f" / node_memory_MemTotal_bytes{{{MACHINE}}}", "{{instance}}"),
    )).with_panel(graph(
        Face("Memory trouble", "Pages a second that had to be read back from disk, and processes "
             "ended for want of memory.", "cps", rising(100, 1000), width=6),
        Query(_rate("node_vmstat_pgmajfault"), "{{instance}} pages read back"),
        Query(_rate("node_vmstat_oom_kill"), "{{instance}} killed"),
    ))  # fmt: skip


def _disk(board: Dashboard) -> None:
    board.with_row(Row("Disk, network, clock"))
    board.with_panel(graph(
        Face("Disk used", "Share of each file system in use.", "percentunit",
             rising(0.75, 0.85), top=1),
        Query(f"1 - node_filesystem_avail_bytes{{{DISK}}} / node_filesystem_size_bytes{{{DISK}}}",
              "{{instance}} {{mountpoint}}"),
    )).with_panel(graph(
        Face("Disk busy", "Share of the time in which a device has something to do.",
             "percentunit", SHARE, top=1),
        Query(_rate("node_disk_io_time_seconds_total"), "{{instance}} {{device}}"),
    )).with_panel(graph(
        Face("Waiting for the disk", "Requests to a device that wait or run, on average.",
             "none", rising(4, 16)),
        Query(_rate("node_disk_io_time_weighted_seconds_total"), "{{instance}} {{device}}"),
    ))  # fmt: skip


def _network_and_clock(board: Dashboard) -> None:
    device = f'{MACHINE}, device!="lo"'
    board.with_panel(graph(
        Face("Network", "Bytes a second in and out, without the loopback device.", "Bps"),
        Query(f"sum by (instance) ({_rate('node_network_receive_bytes_total', device)})",
              "{{instance}} in"),
        Query(f"sum by (instance) ({_rate('node_network_transmit_bytes_total', device)})",
              "{{instance}} out"),
    )).with_panel(graph(
        Face("Network trouble", "Packets a second that were dropped or broken.", "cps",
             rising(1, 100)),
        Query(f"sum by (instance) ({_rate('node_network_receive_drop_total', device)})",
              "{{instance}} dropped"),
        Query(f"sum by (instance) ({_rate('node_network_receive_errs_total', device)})",
              "{{instance}} broken"),
    )).with_panel(graph(
        Face("Clock", "How far the clock is off, by the kernel's own estimate.", "s",
             rising(0.05, 1)),
        Query(f"abs(node_timex_offset_seconds{{{MACHINE}}})", "{{instance}}"),
    ))  # fmt: skip


def _service(board: Dashboard) -> None:
    board.with_row(Row("The service's processes"))
    service = f'job="vigie", {REPLICA}'
    board.with_panel(graph(
        Face("Processor", "Cores used by all workers of a replica.", "none"),
        Query(_rate("process_cpu_seconds_total", service), "{{instance}}"),
    )).with_panel(graph(
        Face("Memory", "Resident memory of all workers of a replica; shared pages count once for "
             "each.", "bytes"),
        Query(f"process_resident_memory_bytes{{{service}}}", "{{instance}}"),
    )).with_panel(graph(
        Face("Open files", "Open files of all workers by what a single one may have open.",
             "percentunit", rising(0.7, 0.9)),
        Query(f"process_open_fds{{{service}}} / process_max_fds{{{service}}}", "{{instance}}"),
    ))  # fmt: skip


def _containers() -> Row:
    throttled = _rate("container_cpu_cfs_throttled_periods_total", CONTAINER)
    periods = _rate("container_cpu_cfs_periods_total", CONTAINER)
    row = Row("Containers (where cAdvisor runs: docs/containers.md)")
    return row.with_panel(graph(
        Face("Processor by container", f"Cores that a container uses. {NEEDS}", "none", width=6,
             without_data=WITHOUT),
        Query(f"sum by (name) ({_rate('container_cpu_usage_seconds_total', CONTAINER)})",
              "{{name}}"),
    )).with_panel(graph(
        Face("Throttled", "Share of the periods in which a container was stopped at its "
             f"processor limit. {NEEDS}", "percentunit", rising(0.1, 0.5), width=6, top=1,
             without_data=WITHOUT),
        Query(f"sum by (name) ({throttled}) / sum by (name) ({periods})", "{{name}}"),
    )).with_panel(graph(
        Face("Memory by container", "Memory that a container cannot give back, by its limit; "
             f"only containers that have one. {NEEDS}", "percentunit", SHARE, width=6,
             without_data=WITHOUT),
        Query(f"sum by (name) (container_memory_working_set_bytes{{{CONTAINER}}}) / "
              f"(sum by (name) (container_spec_memory_limit_bytes{{{CONTAINER}}}) > 0)",
              "{{name}}"),
    )).with_panel(graph(
        Face("Ended for want of memory", "Processes of a container that were ended at its memory "
             f"limit. {NEEDS}", "short", rising(1, 5), width=6, without_data=WITHOUT),
        Query(f"sum by (name) (increase(container_oom_events_total{{{CONTAINER}}}"
              "[$__rate_interval]))", "{{name}}"),
    ))  # fmt: skip
