"""`vigie retrain` decides by what MLflow and the service say, and is quick about it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from support.drawn_photos import draw_folder
from support.fake_mlflow import FakeMlflow, fake_mlflow, http_server, send
from support.ports import free_port
from support.waiting import wait_until
from vigie.cli.main import main
from vigie.cli.options import seconds_of

ROOT = Path(__file__).parents[2]
DAY = 86400


def page(kind: str, counts: tuple[int, int], shares: tuple[float, float]) -> str:
    """The bins of one input of version 3 of `iris`, and what training had in them."""
    lines = []
    for name, values in (("total", counts), ("reference", shares)):
        family = f"vigie_feature_{'bin_total' if name == 'total' else 'reference_ratio'}"
        lines.append(f"# TYPE {family} {'counter' if name == 'total' else 'gauge'}")
        lines += [
            f'{family}{{model="iris",version="3",feature="{kind}",bin="{place}"}} {value}'
            for place, value in enumerate(values)
        ]
    return "\n".join(lines) + "\n"


MOVED = page("petal_length_cm", (900, 100), (0.5, 0.5))
STILL = page("petal_length_cm", (500, 500), (0.5, 0.5))


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMlflow]:
    """MLflow with a champion, version 3 of `iris`, of two days ago."""
    with fake_mlflow() as fake:
        monkeypatch.setenv("VIGIE_MLFLOW_URL", fake.url)
        register(fake, "3", 2 * DAY)
        yield fake


def register(fake: FakeMlflow, number: str, age: float, alias: str | None = "champion") -> None:
    fake.register("iris", number, Path(), "digest", alias)
    made = int((time.time() - age) * 1000)
    fake.versions["iris", number]["creation_timestamp"] = made


@pytest.fixture
def service() -> Iterator[list[str]]:
    """A page of metrics, its text first, its address second."""
    said = [STILL, ""]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, said[0].encode(), "text/plain")

    with http_server(answer) as said[1]:
        yield said


def retrain(*options: str) -> Result:
    return CliRunner().invoke(main, ["retrain", "iris", *options])


def test_nothing_to_do_is_said_in_one_line_each(mlflow: FakeMlflow, service: list[str]) -> None:
    said = retrain("--metrics", service[1])
    assert said.exit_code == 0
    drift, schedule = said.stdout.splitlines()
    seen = "petal_length_cm has an index of 0.000 over 1,000 rows"
    assert drift == f"drift: not due: {seen}, the largest; the limit is 0.25"
    assert schedule == "schedule: not due: version 3 is 2 days old, less than 7 days"
    assert mlflow.changes == []


def test_the_kind_of_occasion_is_chosen(mlflow: FakeMlflow, service: list[str]) -> None:
    assert retrain("--when", "schedule").stdout.startswith("schedule: not due")
    said = retrain("--when", "drift", "--metrics", service[1]).stdout
    assert said.startswith("drift: not due")
    assert "schedule" not in said
    wrong = retrain("--when", "moon")
    assert wrong.exit_code == 2
    assert "'moon' is not one of 'drift', 'schedule', 'drift or schedule'" in wrong.output
    assert retrain("--every", "soon").exit_code == 2
    assert retrain("--psi", "0").exit_code == 2
    unknown = CliRunner().invoke(main, ["retrain", "cars"])
    assert (unknown.exit_code, unknown.stdout) == (1, "")


def test_the_limits_are_options(mlflow: FakeMlflow, service: list[str], tmp_path: Path) -> None:
    # what is due is trained, which ends at once on this file
    data = tmp_path / "cars.csv"
    data.write_text("wheels\n4\n")
    service[0] = page("petal_length_cm", (600, 400), (0.5, 0.5))
    assert retrain("--metrics", service[1]).stdout.count("not due") == 2
    for options, line in (
        (("--metrics", service[1], "--psi", "0.01", "--when", "drift"), "drift: due: petal"),
        (("--when", "schedule", "--every", "47h"), "schedule: due: version 3"),
    ):
        said = retrain(*options, "--data", str(data))
        assert said.stdout.startswith(line)
        assert said.exit_code == 1
        assert "the data has no column species" in said.stderr


def test_a_refused_version_ends_the_occasion(mlflow: FakeMlflow, service: list[str]) -> None:
    service[0] = MOVED
    register(mlflow, "4", 2 * 3600, alias=None)
    said = retrain("--metrics", service[1])
    assert said.exit_code == 0
    assert "drift: not due: petal_length_cm has an index of 0.87" in said.stdout
    assert "but version 4 is 2 hours old, less than 24 hours" in said.stdout
    assert retrain("--metrics", service[1], "--window", "1h").stdout.count("not due") == 2


def test_who_is_away_is_named_and_nothing_is_trained(
    mlflow: FakeMlflow, service: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    # the schedule alone would be an occasion
    for option in ("--metrics", "--prometheus"):
        said = retrain(option, away, "--every", "1h")
        assert (said.exit_code, said.stdout) == (1, "")
        assert said.stderr.startswith(f"vigie: {away}")
        assert "does not answer" in said.stderr
    monkeypatch.setenv("VIGIE_MLFLOW_URL", away)
    said = retrain("--metrics", service[1])
    assert (said.exit_code, said.stdout) == (1, "")
    assert "MLflow does not answer" in said.stderr


def test_looking_loads_neither_tensorflow_nor_tables(
    mlflow: FakeMlflow, service: list[str]
) -> None:
    program = (
        "import sys\nfrom vigie.cli.main import main\n"
        f"main(['retrain', 'iris', '--metrics', {service[1]!r}], standalone_mode=False)\n"
        "print({'tensorflow', 'keras', 'mlflow', 'pandas', 'sklearn'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_lengths_of_time_are_read_as_prometheus_does() -> None:
    assert [seconds_of(text) for text in ("90s", "5m", "6h", "7d", "2w")] == [
        90, 300, 21600, 604800, 1209600,
    ]  # fmt: skip


def test_the_loop_of_the_compose_file_survives_failures_and_stops_at_once(tmp_path: Path) -> None:
    class Loader(yaml.SafeLoader):
        pass

    # `!reset` is a tag of Compose's own: it takes an inherited key away
    Loader.add_constructor("!reset", lambda *_: None)
    text = (ROOT / "docker-compose.retrain.yml").read_text(encoding="utf-8")
    content = yaml.load(text, Loader)
    service = content["services"]["retrain"]
    shell, option, script = service["command"]
    (tmp_path / "vigie").write_text('#!/bin/sh\necho "$@" >> calls\nexit 1\n')
    (tmp_path / "vigie").chmod(0o755)
    calls = tmp_path / "calls"

    def start(pause: str) -> subprocess.Popen[bytes]:
        text = script.replace("$$", "$").replace("sleep 86400", f"sleep {pause}")
        return subprocess.Popen(
            [shell, option, text],
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "RECIPE": "iris"},
            stdout=subprocess.DEVNULL,
        )

    for pause, least in (("0.05", 3), ("60", 1)):
        calls.unlink(missing_ok=True)
        loop = start(pause)
        try:
            wait_until(lambda: calls.exists() and len(calls.read_text().splitlines()) >= least)  # noqa: B023
            loop.terminate()
            assert loop.wait(60) == 0
        finally:
            loop.kill()
    name, *options = shlex.split(script.split("vigie ")[1].split("||")[0].replace("\\\n", ""))
    given = main.commands[name].make_context(name, options).params
    assert given["when"] == "drift or schedule"
    assert given["prometheus"] == "http://prometheus:9090"


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("train weather --trials 3", "--trials is for recipes of tables"),
        ("train weather --architecture dense", "--architecture is for recipes of tables"),
        ("train weather --with-feedback", "--with-feedback is for recipes of tables"),
        ("train iris --base MobileNetV2", "--base is for recipes of photos"),
        ("evaluate iris --weights random", "--weights is for recipes of photos"),
        ("train weather", "use --data FOLDER"),
    ],
)
def test_an_option_of_the_other_kind_of_recipe_is_refused(command: str, named: str) -> None:
    said = CliRunner().invoke(main, shlex.split(command))
    assert said.exit_code == 1
    assert named in said.output


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("train looks.yaml --quantize", "--quantize is judged by accuracy, which an embedding has"),
        ("evaluate looks.yaml", "an embedding has no right and wrong answers"),
    ],
)
def test_what_an_embedding_cannot_do_is_said_before_a_photo_is_read(
    command: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = "name: looks\ntitle: Looks\ntask: embedding\nphotos: {}\n"
    (tmp_path / "looks.yaml").write_text(recipe)
    said = CliRunner().invoke(main, shlex.split(f"{command} --data {tmp_path}"))
    assert said.exit_code == 1
    assert named in said.output


def test_photos_are_cross_validated_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_DATA", str(tmp_path / "data"))
    recipe = tmp_path / "drawn.yaml"
    recipe.write_text("name: drawn\ntitle: Drawn\nphotos: {size: 64}\naugmentation: {copies: 0}\n")
    folder = str(draw_folder(tmp_path / "photos", 8))
    options = ["--data", folder, "--base", "MobileNetV2", "--weights", "random", "--folds", "2"]
    said = CliRunner().invoke(main, ["evaluate", str(recipe), *options])
    assert said.exit_code == 0, said.output
    figures = dict(line.rsplit(maxsplit=1) for line in said.stdout.splitlines())
    assert figures["folds"] == "2.0000"
    assert 0 <= float(figures["accuracy"]) <= 1
    assert float(figures["accuracy of majority"]) == pytest.approx(1 / 3, abs=0.05)
