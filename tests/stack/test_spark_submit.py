"""Spark's own program to start programs runs the same one, as on a cluster that asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyspark

import vigie.spark.__main__
from support.photos import photo_bytes, write_photos
from support.quarters_package import write_quarters
from vigie.spark.java import find_java, startable


def test_spark_submit_runs_the_same_program(tmp_path: Path) -> None:
    write_quarters(tmp_path / "quarters")
    write_photos(tmp_path / "photos" / "all")
    (tmp_path / "photos" / "broken.jpg").write_bytes(photo_bytes("red")[:300])
    java = startable(find_java(os.environ), tmp_path / "java")
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    words = (
        "--master", "local[2]", "--conf", "spark.hadoop.fs.s3a.secret.key=hunter2",
        "--conf", f"spark.eventLog.dir=file:{tmp_path}", "--conf", "spark.eventLog.enabled=true",
        "--conf", "spark.eventLog.compress=false",
        vigie.spark.__main__.__file__, "features", str(tmp_path / "quarters"),
        "--input", str(tmp_path / "photos"), "--output", str(tmp_path / "out"),
    )  # fmt: skip
    done = subprocess.run(
        [str(submit), *words], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "JAVA_HOME": str(java)},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "4 photos, 3 with features, 1 in quarantine; 4 computed" in done.stdout
    assert json.loads((tmp_path / "out" / "_vigie.json").read_text())["state"] == "done"
    # neither what is shown nor the file of events has the key
    events = [path for path in tmp_path.rglob("*") if path.is_file() and "local-" in str(path)]
    assert events
    told = "".join(path.read_text(errors="replace") for path in events)
    assert "spark.hadoop.fs.s3a.secret.key" in told
    assert "hunter2" not in told + done.stdout + done.stderr
