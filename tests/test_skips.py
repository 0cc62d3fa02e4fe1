"""A run of the tests says what it left out, and leaves out nothing where it must not."""

from __future__ import annotations

import pytest

pytest_plugins = ("pytester",)

SOME = """
import pytest

@pytest.mark.parametrize("n", range(3))
def test_a_marked_one(n):
    pytest.skip("promtool is not installed")

@pytest.mark.skipif(True, reason="the filter is for Linux")
def test_another(): ...

@pytest.mark.xfail
def test_known_to_fail(): assert False

def test_one_that_runs(): ...
"""
A_FILE = "import pytest; pytest.importorskip('no_such_library')"


@pytest.fixture
def pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_some=SOME, test_a_file=A_FILE)
    return pytester


def test_reasons_are_counted(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_inprocess("-p", "support.skips", "-p", "no:randomly")
    done.assert_outcomes(passed=1, skipped=5, xfailed=1)
    done.stdout.fnmatch_lines([
        "* 5 skipped *",
        "    3  promtool is not installed",
        "    1  could not import 'no_such_library'*",
    ])  # fmt: skip


def test_a_skip_fails_where_none_may_be(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_TEST_NO_SKIP", "1")
    arguments = ("-p", "support.skips", "-p", "no:randomly", "--continue-on-collection-errors")
    done = pytester.runpytest_inprocess(*arguments)
    done.assert_outcomes(passed=1, failed=3, errors=2, xfailed=1)
    done.stdout.fnmatch_lines([
        "*skipped, which VIGIE_TEST_NO_SKIP forbids: the filter is for Linux*"
    ])  # fmt: skip
