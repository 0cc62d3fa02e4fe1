"""A plugin of pytest's: what was skipped and why; VIGIE_TEST_NO_SKIP=1 makes failures of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from typing import TypeVar

import pytest
from _pytest.terminal import TerminalReporter

R = TypeVar("R", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is skipped."""
    return _unless_forbidden((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that is skipped."""
    return _unless_forbidden((yield))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Says the reasons, the most frequent first."""
    found = Counter(reason_of(report) for report in terminalreporter.stats.get("skipped", ()))
    if not found:
        return
    terminalreporter.section(f"{found.total()} skipped")
    for reason, count in found.most_common():
        terminalreporter.write_line(f"{count:5}  {reason}")


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it was skipped, in the words of who did."""
    where_and_why = report.longrepr
    assert isinstance(where_and_why, tuple)
    return str(where_and_why[2]).removeprefix("Skipped: ")


def _unless_forbidden(report: R) -> R:
    wanted = os.environ.get("VIGIE_TEST_NO_SKIP") == "1"
    if wanted and report.skipped and not hasattr(report, "wasxfail"):
        report.longrepr = f"skipped, which VIGIE_TEST_NO_SKIP forbids: {reason_of(report)}"
        report.outcome = "failed"
    return report
