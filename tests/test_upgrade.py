"""`tools/upgrade` and `tools/backup`: other names before, and a release that does not answer.

The engine is a stand-in that notes how it is called.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKER = """#!/bin/bash
echo "docker $*" >> "$CALLS"
case "$*" in
  $FAILS) touch "$CALLS.failed"; exit 1 ;;
  "compose ps --all --format"*) printf '%s\\n' "$CONTAINERS" ;;
  "compose ps"*"--quiet ml-app") echo old; [ ! -e "$CALLS.failed" ] || echo new ;;
  "compose ps"*"--quiet"*) echo other ;;
  "inspect "*old*)
    echo "old vigie-serve:1 sha256:ran hash running/healthy"
    [ -z "$BROKEN" ] || echo "broken vigie-serve:1 sha256:$BROKEN hash restarting/unhealthy" ;;
  "inspect "*other*) echo "other vigie-train:1 sha256:ran hash running/healthy" ;;
  "image inspect"*"-before") [ -n "$KEPT" ] || exit 1; echo "$KEPT" ;;
  "image inspect"*) echo "$BUILT" ;;
  "compose config --services") printf '%s\\n' gateway grafana ml-app node-exporter ;;
  "compose --dry-run up"*) echo " Container vigie-ml-app-1  $WOULD" ;;
  "compose run"*) PATH=$REAL_PATH; for last; do :; done; sh -c "${last//\\/secrets/$SECRETS}" ;;
esac
"""


class Engine:
    """A checkout's tools, and a program `docker` that says what this test lets it say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").write_text(DOCKER)
        (folder / "bin" / "docker").chmod(0o755)
        (folder / "bin" / "sleep").symlink_to("/bin/true")
        shutil.copytree(ROOT / "tools", folder / "tools")

    def run(
        self,
        tool: str,
        *words: str,
        containers: str = "",
        built: str = "sha256:built",
        kept: str = "",
        broken: str = "",
        fails: str = "nothing",
        code: int = 0,
    ) -> str:
        path = os.environ["PATH"]
        done = subprocess.run(
            [self.folder / "tools" / tool, *words], capture_output=True, text=True, timeout=60,
            env={
                "PATH": f"{self.folder / 'bin'}:{path}", "REAL_PATH": path,
                "CALLS": str(self.folder / "calls"), "SECRETS": str(self.secrets),
                "CONTAINERS": containers, "BUILT": built, "KEPT": kept, "FAILS": fails,
                "BROKEN": broken,
                "WOULD": "Running" if built == "sha256:ran" else "Recreate",
            },
            check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout.strip()

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def test_containers_of_former_names_go_before_the_last_step_and_no_others(engine: Engine) -> None:
    found = "gateway a1\nregistry b2\nretrain c3\nmigrate d4\nmy-registry e5\nmodel-sync f6"
    engine.run("upgrade", containers=found)
    calls = engine.calls()
    removed = [call for call in calls if call.startswith("docker rm --force")]
    assert removed == ["docker rm --force b2 d4"]
    last = "docker compose up --detach --no-build --wait --scale ml-app=1"
    assert calls.index("docker stop old") < calls.index(removed[0]) < calls.index(last)
    assert calls[-1].endswith("gateway /etc/haproxy/reload")


def test_a_second_upgrade_removes_nothing(engine: Engine) -> None:
    engine.run("upgrade", containers="gateway a1\nmodel-sync b2\nmlflow-migrate c3")
    assert not [call for call in engine.calls() if call.startswith("docker rm --force")]


def test_the_images_before_are_kept_and_those_before_them_go(engine: Engine) -> None:
    engine.run("upgrade", kept="sha256:older")
    calls = engine.calls()
    for name in ("vigie-serve:1", "vigie-train:1"):
        assert calls.index(f"docker tag sha256:ran {name}-before") < calls.index(
            "docker compose build"
        )
    assert "docker rmi sha256:older" in calls


def test_an_upgrade_that_changes_no_image_keeps_what_was_kept(engine: Engine) -> None:
    engine.run("upgrade", built="sha256:ran", kept="sha256:older")
    tagged = [call for call in engine.calls() if call.endswith("vigie-serve:1-before")]
    assert [call for call in tagged if "tag" in call][-1] == (
        "docker tag sha256:older vigie-serve:1-before"
    )
    assert "docker stop old" not in engine.calls()


@pytest.mark.parametrize("kept", ["", "sha256:older"], ids=["the first", "a later one"])
@pytest.mark.parametrize("fails", ["compose build", "*--scale ml-app=2*"])
def test_a_release_that_does_not_answer_is_taken_back(
    engine: Engine, fails: str, kept: str
) -> None:
    engine.run("upgrade", fails=fails, kept=kept, code=1)
    calls = engine.calls()
    assert "docker stop old" not in calls
    assert ("docker rm --force new" in calls) == ("scale" in fails)
    assert "docker tag sha256:ran vigie-serve:1" in calls
    last = [call for call in calls if call.endswith("vigie-serve:1-before")][-1]
    assert last == f"docker {'tag sha256:older' if kept else 'rmi'} vigie-serve:1-before"


def test_nothing_is_rolled_where_all_is_as_it_shall_be(engine: Engine) -> None:
    engine.run("roll", built="sha256:ran")
    assert not [call for call in engine.calls() if call.startswith("docker compose up")]


@pytest.mark.parametrize(
    ("broken", "wanted"), [("of-another-release", 1), ("ran", 2)], ids=["left over", "crashed"]
)
def test_what_is_broken_goes_first_and_is_not_waited_for(
    engine: Engine, broken: str, wanted: int
) -> None:
    engine.run("roll", broken=broken)
    calls = engine.calls()
    removed = calls.index("docker rm --force broken")
    scaled = [
        call.rpartition(" ml-app=")[2]
        for call in calls
        if "--scale" in call and "--dry-run" not in call
    ]
    assert scaled == [f"{wanted + 1} ml-app", f"{wanted} ml-app"]
    assert removed < calls.index(next(call for call in calls if "--wait" in call))


def test_there_is_no_way_back_without_an_image(engine: Engine) -> None:
    engine.run("rollback-release", code=1)
    assert not [call for call in engine.calls() if " up " in call or " tag " in call]


@pytest.mark.parametrize("folders", [("apikeys",), ("keys",), ("apikeys", "keys")], ids=str)
def test_a_backup_has_the_keys_of_callers_wherever_they_lie(
    engine: Engine, folders: tuple[str, ...]
) -> None:
    for folder in folders:
        (engine.secrets / folder).mkdir()
        (engine.secrets / folder / "keys.jsonl").write_text(f"keys in {folder}")
    backup = engine.run("backup", str(engine.folder / "backups"))
    kept = subprocess.run(
        ["tar", "--extract", "--to-stdout", "--file", backup, "keys.jsonl"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert kept == f"keys in {folders[0]}"


@pytest.mark.parametrize(
    ("without", "services"),
    [
        ("", []),
        ("grafana", ["gateway", "ml-app", "node-exporter"]),
        ("grafana, node-exporter", ["gateway", "ml-app"]),
    ],
)
def test_the_stack_starts_without_what_is_named(
    engine: Engine, without: str, services: list[str]
) -> None:
    (engine.folder / ".env").write_text(f"PORT=1\nVIGIE_WITHOUT={without}\n")
    assert engine.run("services").split() == services


def test_a_service_that_there_is_not_is_told(engine: Engine) -> None:
    (engine.folder / ".env").write_text("VIGIE_WITHOUT=grafanna\n")
    engine.run("services", code=1)
