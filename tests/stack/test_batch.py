"""The image for photos as its guide says, word for word, for a caller who is not root."""

from __future__ import annotations

import csv
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.colours_package import install_colours, write_colours
from support.compose import ROOT, Stack, require_engine
from support.photo_corpus import photo_corpus, write_files
from support.photo_ways import scores_in_table
from support.photos import write_photos
from support.pixel_package import CLOSE, scores_in_training, write_pixels
from support.waiting import wait_until
from vigie.registry.cache import ModelCache

CALLER, GROUP = 1234, 1235
BARE, WITH_MODEL = "vigie-batch-bare:test", "imageprediction:test"
HEADER = ["name", "label", "score", "error"]


def docker(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *map(str, words)], capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(scope="module", autouse=True)
def _images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Built as people build it: in the folder, and with a model there by its argument."""
    require_engine()
    context = tmp_path_factory.mktemp("context") / "ml-app"
    kept = ("Dockerfile", ".dockerignore", "pyproject.toml", "src", *map(str, _requirements()))
    context.mkdir()
    for name in kept:
        subprocess.run(["cp", "-r", ROOT / "ml-app" / name, context], check=True)
    write_colours(context / "models" / "colours")
    for tag, words in ((BARE, ()), (WITH_MODEL, ("--build-arg", "MODEL=models/colours"))):
        done = docker("build", "--quiet", "--tag", tag, *words, context)
        assert done.returncode == 0, done.stderr


def _requirements() -> list[str]:
    return [path.name for path in (ROOT / "ml-app").glob("requirements*.txt")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of the caller's with photos in it, one of them broken."""
    write_photos(tmp_path / "data_inputs", each=3)
    (tmp_path / "data_inputs" / "x.jpg").write_bytes(b"<html>")
    (tmp_path / "data_outputs").mkdir()
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, CALLER, GROUP)
    # pytest's own folders are for its user alone
    for path in (tmp_path.parents[0], tmp_path.parents[1], tmp_path):
        path.chmod(0o755)
    return tmp_path


def run(home: Path, image: str, *words: object) -> subprocess.CompletedProcess[str]:
    mounts = [f"{home}/{name}:/home/app/{name}" for name in ("data_inputs", "data_outputs")]
    return docker("run", "--rm", "-v", mounts[0], "-v", mounts[1], *words, "-i", image)


def check(home: Path, owner: tuple[int, int] = (CALLER, GROUP)) -> None:
    output = home / "data_outputs" / "predictions.csv"
    with output.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == HEADER
    assert len(rows) == 11
    assert rows[1][:2] == ["blue-0.jpg", "blue"]
    assert rows[-1] == ["x.jpg", "", "", "an HTML page"]
    assert (output.stat().st_uid, output.stat().st_gid) == owner
    assert [path.name for path in (home / "data_outputs").iterdir()] == ["predictions.csv"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--user", f"{CALLER}:{GROUP}"),
        ("--read-only",),
        ("--read-only", "--user", f"{CALLER}:{GROUP}", "--network", "none", "--cap-drop", "ALL"),
        ("--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID"),
    ],
    ids=str,
)
def test_the_classic_command(home: Path, words: tuple[str, ...]) -> None:
    done = run(home, WITH_MODEL, *words)
    assert done.returncode == 1, done.stderr
    assert "10 photos, 9 answered, 1 failed" in done.stdout
    check(home)


def test_a_model_that_is_mounted(home: Path) -> None:
    write_colours(home / "model")
    done = run(home, BARE, "-v", f"{home}/model:/home/app/model:ro")
    assert done.returncode == 1, done.stderr
    check(home)


def test_the_cache_of_the_stack(home: Path) -> None:
    cache = ModelCache(home / "cache")
    install_colours(cache)
    words = ("-v", f"{cache.folder}:/var/cache/vigie:ro")
    assert run(home, BARE, *words).returncode == 1
    check(home)
    install_colours(cache, "shades")
    done = run(home, BARE, *words)
    assert (done.returncode, "colours, shades; name one" in done.stderr) == (2, True)
    assert run(home, BARE, *words, "-e", "VIGIE_MODELS=shades").returncode == 1


def test_without_a_model_the_three_ways_are_named(home: Path) -> None:
    done = run(home, BARE)
    assert done.returncode == 2
    assert "--build-arg MODEL=" in done.stderr
    assert "/home/app/model" in done.stderr
    assert "/var/cache/vigie" in done.stderr


def test_an_output_of_root(home: Path) -> None:
    os.chown(home / "data_outputs", 0, 0)
    done = run(home, WITH_MODEL)
    assert (done.returncode, "data_outputs cannot be written by user 10001" in done.stderr) == (
        2,
        True,
    )
    (home / "data_outputs").chmod(0o777)
    assert run(home, WITH_MODEL).returncode == 1
    check(home, (10001, 10001))


@pytest.fixture
def slow(home: Path) -> Iterator[str]:
    """A container that is at work on many photos."""
    write_photos(home / "data_inputs", each=2000)
    name = f"vigie-test-{secrets.token_hex(4)}"
    mounts = [f"{home}/{name}:/home/app/{name}" for name in ("data_inputs", "data_outputs")]
    docker(
        "run", "-d", "--name", name, "--cpus", "0.5", "-v", mounts[0], "-v", mounts[1], WITH_MODEL
    )
    try:
        yield name
    finally:
        docker("rm", "--force", name)


def test_it_grows_keeps_no_right_and_goes_on_after_a_stop(home: Path, slow: str) -> None:
    output = home / "data_outputs" / "predictions.csv"
    wait_until(lambda: output.exists() and output.read_bytes().count(b"\n") > 20)
    pid = docker("inspect", "--format", "{{.State.Pid}}", slow).stdout.strip()
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert status["Uid"].split() == [str(CALLER)] * 4
    assert status["Gid"].split() == [str(GROUP)] * 4
    assert status["Groups"].strip() == ""
    assert status["NoNewPrivs"] == "1"
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0
    before = time.monotonic()
    docker("stop", "--time", "60", slow)
    assert time.monotonic() - before < 60
    assert docker("inspect", "--format", "{{.State.ExitCode}}", slow).stdout.strip() == "143"
    grown = output.read_bytes()
    assert grown.endswith(b"\n")
    assert 20 < grown.count(b"\n") < 6000
    done = run(home, WITH_MODEL)
    assert "6001 photos, 6000 answered, 1 failed" in done.stdout, done.stderr
    assert output.read_bytes().startswith(grown)


def test_the_command_with_arguments(home: Path) -> None:
    mounts = ("-v", f"{home}:/data", "--user", f"{CALLER}:{GROUP}")
    words = ("/home/app/model", "/data/data_inputs", "/data/out.csv", "--scores")
    done = docker("run", "--rm", *mounts, WITH_MODEL, *words)
    assert done.returncode == 1, done.stderr
    assert (home / "out.csv").read_text().startswith("name,label,score,score_red,")


def test_a_photo_has_the_scores_of_training(home: Path) -> None:
    files = photo_corpus()
    write_files(home / "all", files)
    write_pixels(home / "model")
    mounts = ("-v", f"{home}:/data", "-v", f"{home}/model:/home/app/model:ro")
    words = ("/home/app/model", "/data/all", "/data/out.csv", "--scores", "--pattern", "*")
    done = docker("run", "--rm", *mounts, "--user", f"{CALLER}:{GROUP}", BARE, *words)
    assert done.returncode == 0, done.stderr
    expected, found = scores_in_training(home / "model", files), scores_in_table(home / "out.csv")
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        assert found[name] == pytest.approx(wanted, abs=CLOSE), name


def test_the_profile_of_the_stack(home: Path) -> None:
    folders = {"INPUTS": home / "data_inputs", "OUTPUTS": home / "data_outputs"}
    chosen = {f"VIGIE_BATCH_{name}": str(folder) for name, folder in folders.items()}
    stack = Stack({"VIGIE_BATCH_IMAGE": BARE, **chosen})
    assert "batch" not in stack.config()["services"]
    write_colours(home / "model")
    try:
        mount = f"{home}/model:/home/app/model:ro"
        done = stack.compose("run", "--rm", "--no-deps", "-v", mount, "batch", check=False)
        assert done.returncode == 1, done.stderr
        check(home)
    finally:
        stack.down()
