"""Spark reads photos from object storage and writes features there, by the real connectors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import pytest

from support.broken_photos import html_page
from support.fruits import COMPONENTS, write_fruits
from support.object_storage import CONNECTORS, KEY, SECRET, Bucket, gcs, judged, s3, why_not_here
from support.photos import LABELS, photo_bytes, write_labelled

WHY = why_not_here()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

Server = Callable[[Path], AbstractContextManager[Bucket]]
ONCE = {"spark.hadoop.fs.s3a.attempts.maximum": "1"}
EACH = 8
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with a folder per label, one of them broken; a package; what `file:` gives."""
    root = tmp_path_factory.mktemp("local")
    write_labelled(root / "photos", EACH)
    html_page(root / "photos" / LABELS[0] / "broken.jpg")
    write_fruits(root / "package")
    done = run((str(root / "package"), str(root / "photos"), str(root / "out")), root)
    assert done.returncode == 1, done.stderr
    return root


def run(
    places: tuple[str, str, str],
    folder: Path,
    conf: Mapping[str, str] = MappingProxyType({}),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """`vigie spark features` of a model, photos and output; its log and events below `folder`."""
    model, photos, output = places
    (folder / "events").mkdir(exist_ok=True)
    settings = {
        "spark.jars": ",".join(map(str, sorted(CONNECTORS.glob("*.jar")))),
        "spark.eventLog.enabled": "true",
        # what is compressed cannot be searched
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": f"file:{folder / 'events'}",
        **conf,
    }
    words = [sys.executable, "-m", "vigie", "spark", "features", model]
    words += ["--input", photos, "--output", output, "--components", str(COMPONENTS)]
    words += ["--master", "local[2]", "--log", str(folder / "spark.log")]
    words += [part for pair in settings.items() for part in ("--conf", "=".join(pair))]
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GOOGLE_"))}
    return subprocess.run(
        words, env={**own, **environment}, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip


def table(folder: Path) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    """Label, features and their components, by the end of a photo's name."""
    found = ds.dataset(folder / "features", partitioning="hive").to_table().to_pylist()
    return {
        "/".join(row["name"].split("/")[-2:]): (
            row["label"], np.array(row["vector"]), np.array(row["reduced"]),
        )
        for row in found
    }  # fmt: skip


def counts(folder: Path) -> Any:
    told = json.loads((folder / "_vigie.json").read_text())["counts"]
    return {name: told[name] for name in ("read", "written", "quarantined")}


def everything_said(folder: Path, done: subprocess.CompletedProcess[str]) -> str:
    files = [folder / "spark.log", *(folder / "events").rglob("*")]
    said = [path.read_bytes().decode(errors="replace") for path in files if path.is_file()]
    assert '"Event":"SparkListenerApplicationEnd"' in "".join(said)
    return "".join([*said, done.stdout, done.stderr])


@pytest.mark.parametrize("server", [s3, gcs])
def test_photos_model_and_results_lie_in_a_bucket(
    server: Server, local: Path, tmp_path: Path
) -> None:
    with server(tmp_path) as bucket:
        bucket.upload(local / "photos", "photos")
        bucket.upload(local / "package", "package")
        root = bucket.root
        places = (f"{root}/package", f"{root}/photos", f"{root}/out")
        done = run(places, tmp_path, bucket.conf, bucket.environment)
        assert done.returncode == 1, done.stderr
        bucket.download("out", tmp_path / "out")
    assert counts(tmp_path / "out") == counts(local / "out")
    assert counts(local / "out") == {
        "read": 3 * EACH + 1, "written": 3 * EACH, "quarantined": 1,
    }  # fmt: skip
    here, there = table(local / "out"), table(tmp_path / "out")
    assert here.keys() == there.keys()
    for name, (label, vector, reduced) in here.items():
        assert there[name][0] == label
        np.testing.assert_allclose(there[name][1], vector, atol=TOLERANCE)
        # a component's sign is free
        np.testing.assert_allclose(np.abs(there[name][2]), np.abs(reduced), atol=TOLERANCE)
    said = everything_said(tmp_path, done)
    assert KEY not in said
    assert SECRET not in said


def test_a_key_among_the_options_of_spark_is_told_nobody(local: Path, tmp_path: Path) -> None:
    with s3(tmp_path) as bucket:
        bucket.upload(local / "photos" / LABELS[1], "photos")
        conf = bucket.conf | {
            "spark.hadoop.fs.s3a.access.key": KEY,
            "spark.hadoop.fs.s3a.secret.key": SECRET,
        }
        places = (str(local / "package"), f"{bucket.root}/photos", f"{bucket.root}/out")
        done = run(places, tmp_path, conf)
        assert done.returncode == 0, done.stderr
    said = everything_said(tmp_path, done)
    assert SECRET not in said
    assert KEY not in said


def test_a_second_run_computes_what_is_new(local: Path, tmp_path: Path) -> None:
    new = f"{LABELS[0]}/new.jpg"
    (tmp_path / "more" / LABELS[0]).mkdir(parents=True)
    (tmp_path / "more" / new).write_bytes(photo_bytes(LABELS[0], seed=99))
    log = tmp_path / "moto.log"
    with s3(tmp_path) as bucket:
        bucket.upload(local / "photos", "photos")
        places = (str(local / "package"), f"{bucket.root}/photos", f"{bucket.root}/out")
        assert run(places, tmp_path, bucket.conf, bucket.environment).returncode == 1
        bucket.upload(tmp_path / "more", "photos")
        before = log.stat().st_size
        done = run(places, tmp_path, bucket.conf, bucket.environment)
        asked = Counter(re.findall(r'"HEAD /fruits/photos/(\S+) ', log.read_text()[before:]))
        bucket.download("out", tmp_path / "out")
    assert "1 computed" in done.stdout
    # of what is done Spark asks the size once, and nothing else
    assert asked.pop(new) > 1
    assert set(asked.values()) == {1}
    assert f"{3 * EACH + 1} with features" in done.stdout
    assert len(table(tmp_path / "out")) == 3 * EACH + 1


def the_sentence(done: subprocess.CompletedProcess[str], environment: Mapping[str, str]) -> str:
    """The last line; of a trace, or of a key, there is nothing."""
    assert done.returncode == 2, done.stderr
    *progress, line = done.stderr.strip().splitlines()
    assert all(shown.startswith("input ") for shown in progress), done.stderr
    assert not [key for key in environment.values() if key in done.stdout + done.stderr]
    assert line.startswith("vigie: ")
    return line.removeprefix("vigie: ")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "no account was found for the object storage"),
        (
            {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
            "there is no such bucket: nobodys",
        ),
    ],
)
def test_no_key_and_no_bucket_are_a_sentence(
    environment: dict[str, str], said: str, local: Path, tmp_path: Path
) -> None:
    with s3(tmp_path) as bucket:
        places = (str(local / "package"), "s3a://nobodys/photos", "s3a://nobodys/out")
        done = run(places, tmp_path, bucket.conf | ONCE, environment)
    assert the_sentence(done, environment).startswith(said)


def test_no_bucket_of_google_s_is_a_sentence(local: Path, tmp_path: Path) -> None:
    with gcs(tmp_path) as bucket:
        places = (str(local / "package"), str(local / "photos"), "gs://nobodys/out")
        done = run(places, tmp_path, bucket.conf)
    assert the_sentence(done, {}).startswith("there is no such bucket: nobodys")


@pytest.mark.parametrize("allowed", [(), ("s3:GetObject", "s3:ListBucket")])
def test_no_right_to_a_bucket_is_a_sentence(
    allowed: tuple[str, ...], local: Path, tmp_path: Path
) -> None:
    with s3(tmp_path) as bucket:
        bucket.upload(local / "photos" / LABELS[1], "photos")
        places = (str(local / "package"), f"{bucket.root}/photos", f"{bucket.root}/out")
        with judged(bucket, *allowed) as keys:
            done = run(places, tmp_path, bucket.conf | ONCE, keys)
    told = the_sentence(done, keys)
    assert told.startswith("the account has no right to the bucket fruits, or its key is wrong")


def test_a_key_that_nobody_knows_is_a_sentence(local: Path, tmp_path: Path) -> None:
    with s3(tmp_path) as bucket:
        bucket.upload(local / "photos" / LABELS[1], "photos")
        places = (str(local / "package"), f"{bucket.root}/photos", f"{bucket.root}/out")
        with judged(bucket):
            done = run(places, tmp_path, bucket.conf | ONCE, bucket.environment)
    assert the_sentence(done, bucket.environment).startswith(
        "the account has no right to the bucket fruits, or its key is wrong"
    )
