"""A process that opens one session of Spark after the other gets what it asks for each time."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """\
from vigie.spark.session import SessionOptions, open_session
for cores in (1, 2):
    with open_session(SessionOptions(f"local[{cores}]")) as session:
        print(session.sparkContext.defaultParallelism)
"""


def test_a_second_session_has_the_cores_that_it_asks_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "2"]
