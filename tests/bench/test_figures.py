"""What a run says follows from what it saw: medians, ratios within a round, promises, pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.contender import PEERS
from bench.environments import make_environments
from bench.failure import Failure
from bench.figures import Cost, Counts, Load, Measure, Results, Round, Seen, ServiceFigures, Spread
from bench.forms import require_close
from bench.goals import Goal
from bench.load import require_wrk
from bench.machine import Machine, versions
from bench.photos.loads import LARGE, SMALL
from bench.plot import plot_rates
from bench.report import Part, Run, page
from bench.rows.contenders import LIMIT, RAW
from bench.rows.goals import row_goals, service_goals
from bench.rows.loads import LOADS, MANY, ONE, SOME
from bench.subjects import PHOTOS, ROWS, SUBJECTS, Subject, choose

RATES = {
    "vigie": 20_000.0, "vigie-flask": 3000.0, "tensorflow-engine": 9000.0, RAW: 16_000.0,
    LIMIT: 80_000.0, "fastapi-onnx": 4000.0, "fastapi-tensorflow": 2400.0, "bentoml": 1100.0,
    "litserve": 1000.0, "mlserver": 250.0, "mlflow": 300.0, "flask-predict": 20.0,
}  # fmt: skip
PHOTO_RATES = {
    "vigie": 300.0, "fastapi-onnx": 200.0, "litserve": 150.0, "bentoml": 120.0, "mlserver": 40.0,
}  # fmt: skip
WATCHING = Cost(1.06, 1.04, 1.08, 10)
COUNTS: Counts = {
    name: {ONE: count, MANY: count / 2}
    for name, count in (("vigie", 301_234.0), (RAW, 150_000.0), (LIMIT, 20_000.0))
}
SERVICE = ServiceFigures(Spread(0.5, 0.4, 0.6), 150.0)
MACHINE = Machine(2, "A processor", 16.0, "Linux 6.1", "3.11.7", "2026-01-01")


def seen_at(rates: dict[Load, float]) -> Seen:
    measures = {load: Measure(rate, 2.0, 5.0, 50.0) for load, rate in rates.items()}
    return Seen(0.4, 130.0, measures)


def a_round(factor: float = 1.0, **rates: float) -> Round:
    """One round in which everybody is `factor` times as quick as in RATES."""
    return {
        name: seen_at(dict.fromkeys(LOADS, factor * rate))
        for name, rate in {**RATES, **rates}.items()
    }


def a_photo_round(**large: float) -> Round:
    """One round of photos; the rates of some with large ones, else a fiftieth of small ones'."""
    return {
        name: seen_at({SMALL: rate, LARGE: large.get(name, rate / 50)})
        for name, rate in PHOTO_RATES.items()
    }


def run_of(*rounds: Round, photos: Round | None = None) -> Run:
    parts = [Part(ROWS, Results(list(rounds))), Part(PHOTOS, Results([photos or a_photo_round()]))]
    versions = {"web": "flask 3.1.3"}
    return Run(parts, SERVICE, WATCHING, COUNTS, MACHINE, versions, len(rounds), 5)


def goals(*rounds: Round, service: ServiceFigures | None = SERVICE) -> dict[str, Goal]:
    told = (*row_goals(Results(list(rounds))), *service_goals(service, WATCHING))
    return {goal.text: goal for goal in told}


def test_medians_and_their_ends() -> None:
    assert Spread.of([3.0, 1.0, 8.0]) == Spread(3.0, 1.0, 8.0)
    assert Spread.of([]) is None


def test_a_ratio_is_taken_within_each_round() -> None:
    results = Results([a_round(1.0), a_round(0.1), a_round(vigie=40_000.0)])
    ratio = results.ratio("vigie", (RAW,), MANY)
    assert ratio is not None
    # the slow round says what the others say: both sides were slow in it
    assert ratio.median == ratio.least == pytest.approx(1.25)
    assert ratio.greatest == pytest.approx(2.5)
    mixed = results.figure("vigie", MANY, "rate")
    assert mixed == Spread(20_000.0, 2000.0, 40_000.0)


def test_the_best_of_several_rivals_counts() -> None:
    ratio = Results([a_round()]).ratio("vigie", ("mlflow", "fastapi-onnx"), ONE)
    assert ratio is not None
    assert ratio.median == pytest.approx(5)


def test_a_rival_that_was_not_measured_leaves_no_ratio() -> None:
    alone = {"vigie": a_round()["vigie"]}
    assert Results([alone]).ratio("vigie", (RAW,), MANY) is None
    assert Results([alone]).ratio("vigie", ("mlflow", "vigie"), MANY) is None


def test_every_goal_holds_where_figures_bear_it_out() -> None:
    assert {goal.verdict for goal in goals(a_round()).values()} == {"holds"}


@pytest.mark.parametrize(
    ("rates", "missed"),
    [
        (
            {RAW: 17_000.0, "vigie-flask": 3000.0},
            [f"{MANY}: Vigie against raw ASGI, no model"],
        ),
        (
            {RAW: 22_500.0, "vigie-flask": 3500.0},
            [f"{load}: Vigie against raw ASGI, no model" for load in (MANY, SOME)],
        ),
        (
            {"vigie-flask": 2300.0},
            [f"{MANY}: Vigie by Flask against raw ASGI, no model"],
        ),
        ({"fastapi-onnx": 4100.0}, [f"{MANY}: Vigie against FastAPI + ONNX Runtime"]),
        ({"mlserver": 600.0}, [f"{MANY}: Vigie against MLServer"]),
        (
            {"tensorflow-engine": 7000.0},
            [f"{MANY}: Vigie's TensorFlow engine against FastAPI + TensorFlow"],
        ),
    ],
)
def test_a_miss_is_shown_as_a_miss(rates: dict[str, float], missed: list[str]) -> None:
    found = goals(a_round(**rates)).values()
    assert [goal.text for goal in found if goal.verdict == "misses"] == missed
    lines = page(run_of(a_round(**rates))).splitlines()
    for text in missed:
        (line,) = [line for line in lines if f"| {text} |" in line]
        assert line.endswith("| misses |")


def test_slow_answers_a_fat_service_and_a_slow_start_are_misses() -> None:
    measure = Measure(20_000.0, 2.0, 10.1, 50.0)
    slow = a_round() | {"vigie": Seen(0.4, 130.0, dict.fromkeys(LOADS, measure))}
    service = ServiceFigures(Spread(0.9, 0.7, 1.2), 186.0)
    missed = [text for text, goal in goals(slow, service=service).items() if not goal.holds]
    assert missed == [
        f"{MANY}: 99 of 100 within",
        "memory of master, 2 workers and publisher",
        "start to first prediction",
    ]


def test_what_was_not_measured_neither_holds_nor_misses() -> None:
    found = goals({"vigie": a_round()["vigie"]}, service=None)
    assert found["start to first prediction"].verdict == "not measured"
    assert found[f"{MANY}: Vigie against MLServer"].verdict == "not measured"


def test_the_page_shows_every_contender_and_the_machine() -> None:
    text = page(run_of(a_round(), a_round()))
    for subject in SUBJECTS:
        section = text.split(f"## {subject.title}\n")[1].split("\n## ")[0]
        assert f"(images/{subject.picture})" in section
        for contender in subject.contenders:
            assert section.count(f"| {contender.title} |") >= 3
            assert f"| {contender.title} | {contender.setting} |" in text
    assert "| Vigie | 20,000 | 20,000 | 20,000 | 20,000 |" in text
    assert "| Vigie | 300 | 6.0 |" in text
    assert "as a share of raw ASGI, no model, in the same round" in text
    assert "| Vigie | 1.25 (1.25 to 1.25) |" in text
    assert "as a share of own protocol, no model, in the same round" in text
    assert "| Vigie | 0.25 (0.25 to 0.25) |" in text
    assert "| Vigie | 301,234 | 150,617 |" in text
    assert "| raw ASGI, no model | 150,000 | 75,000 |" in text
    assert "| MLServer | 80.0 | 80.0 to 80.0 |" in text
    assert "2 cores of A processor" in text
    assert "2 rounds, 5 s for each figure" in text
    assert "together cost +6.0% (+4.0% to +8.0%, 10 pairs)" in text


def test_photos_have_goals_of_their_own() -> None:
    def verdicts(**large: float) -> list[str]:
        return [goal.verdict for goal in PHOTOS.goals(Results([a_photo_round(**large)]))]

    assert verdicts(vigie=8.5, mlserver=4.2) == ["holds", "holds"]
    assert verdicts(vigie=8.5, mlserver=4.3) == ["holds", "misses"]
    missed = page(run_of(a_round(), photos=a_photo_round(bentoml=4.0)))
    assert f"| {LARGE}: Vigie against the best peer | at least 2 times | 1.5 times | misses |" in (
        missed
    )


def test_a_page_of_one_subject_has_no_other() -> None:
    parts = [Part(PHOTOS, Results([a_photo_round()]))]
    run = Run(parts, None, None, None, MACHINE, {}, 1, 2, False)
    assert "## Photos" in page(run)
    assert "## Table rows" not in page(run)


def test_the_page_says_that_nothing_counted_instructions() -> None:
    run = replace(run_of(a_round()), instructions=None)
    assert "were not counted: valgrind" in page(run)
    assert "were not counted" not in page(run_of(a_round()))


@pytest.mark.parametrize(("subject", "seen"), [(ROWS, a_round()), (PHOTOS, a_photo_round())])
def test_the_picture_is_drawn(subject: Subject, seen: Round, tmp_path: Path) -> None:
    plot_rates(subject, Results([seen]), tmp_path / "rates.svg")
    drawn = (tmp_path / "rates.svg").read_text()
    assert drawn.count("<path") > len(subject.contenders)
    assert all(f"<!-- {load} -->" in drawn for load in subject.shown)


def chosen(subject: str, contenders: str) -> dict[str, list[str]]:
    return {
        one.name: [contender.name for contender in one.contenders]
        for one in choose(subject, contenders)
    }


def test_some_contenders_can_be_chosen_and_those_without_a_model_are_always_there() -> None:
    assert choose("", "") == SUBJECTS
    assert chosen("", "vigie, mlserver") == {
        "rows": ["vigie", RAW, LIMIT, "mlserver"],
        "photos": ["vigie", "mlserver"],
    }
    assert chosen("", "mlflow") == {"rows": [RAW, LIMIT, "mlflow"]}
    with pytest.raises(Failure, match="no triton; there are vigie"):
        choose("", "triton")


def test_one_subject_can_be_chosen() -> None:
    assert choose("photos", "") == (PHOTOS,)
    assert chosen("rows", "vigie") == {"rows": ["vigie", RAW, LIMIT]}
    with pytest.raises(Failure, match="SUBJECT: no sounds; there are rows, photos"):
        choose("sounds", "")
    with pytest.raises(Failure, match="no mlflow; there are vigie, fastapi-onnx"):
        choose("photos", "mlflow")


def test_a_peer_without_an_environment_fails_the_bench(tmp_path: Path) -> None:
    program = tmp_path / "tools" / "environment"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(Failure, match="MLServer cannot be measured without the environment"):
        make_environments(ROWS.only({"mlserver"}).contenders, tmp_path, tmp_path / "envs")


def test_a_machine_without_wrk_is_told_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Failure, match="apt install wrk"):
        require_wrk()


def test_answers_are_compared_with_those_of_keras() -> None:
    require_close("a server", [1.0, 2.0], [1.0005, 2.0])
    require_close("a server", [1.0, 2.0], [1.02, 2.0], 0.03)
    with pytest.raises(Failure, match=r"a server answers otherwise than Keras: off by 0\.00"):
        require_close("a server", [1.0, 2.0], [1.002, 2.0])
    with pytest.raises(Failure, match="off by nan"):
        require_close("a server", [float("nan")], [1.0])
    with pytest.raises(Failure, match="1 numbers of 2"):
        require_close("a server", [1.0], [1.0, 2.0])


def test_every_environment_of_a_peer_is_locked_and_its_versions_are_told() -> None:
    told = versions()
    for contender in (one for subject in SUBJECTS for one in subject.contenders):
        if contender.is_peer:
            environment = str(contender.environment)
            locked = (PEERS / environment / "requirements.txt").read_text(encoding="utf-8")
            assert "--hash=sha256:" in locked
            assert "://" not in locked
            assert "tensorflow" in told[environment]


def test_a_load_says_what_it_is() -> None:
    assert [str(load) for load in LOADS] == [
        "1 row, 1 connection",
        "1 row, 16 connections",
        "1 row, 64 connections",
        "100 rows, 16 connections",
    ]
    assert str(LARGE) == "JPEG of 12 megapixels, 16 connections"


def test_a_cost_has_its_confidence_interval() -> None:
    # mean 1.05; half width 2.776 * 0.0158114 / sqrt(5) = 0.01963
    cost = Cost.of([1.03, 1.04, 1.05, 1.06, 1.07])
    assert str(cost) == "+5.0% (+3.0% to +7.0%, 5 pairs)"
