"""What the playbook brings along: packing, backups that are kept, releases that go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from support.playbook import FOLDER

FILES = FOLDER / "roles" / "vigie" / "files"
PARTS = ("docker-compose*.yml", "alertmanager", "gateway", "ml-app", "tools/roll")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout, with what must not leave it."""
    made = tmp_path / "checkout"
    for name in (
        "docker-compose.yml", "tools/roll", "tools/lock", "ml-app/src/vigie/cli/main.py",
        "ml-app/.dockerignore", "ml-app/src/vigie/__pycache__/cli.pyc",
        "ml-app/src/vigie.egg-info/PKG-INFO",
        "alertmanager/alertmanager.yml", "alertmanager/secrets/.gitignore",
        "alertmanager/secrets/webhook", "gateway/certificates/.gitignore",
        "gateway/certificates/site.pem", ".env",
    ):  # fmt: skip
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (made / "tools" / "roll").chmod(0o755)
    (made / "ml-app" / ".venv").symlink_to(tmp_path)
    return made


def pack(checkout: Path) -> tuple[str, tarfile.TarFile]:
    target = checkout.parent / "packed.tar"
    words = [FILES / "pack.py", checkout, target]
    done = subprocess.run(
        [sys.executable, *words, *PARTS], capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), tarfile.open(target)


def test_a_checkout_is_packed_without_what_is_local(checkout: Path) -> None:
    _, archive = pack(checkout)
    with archive:
        assert set(archive.getnames()) == {
            "docker-compose.yml", "tools/roll", "ml-app/src/vigie/cli/main.py",
            "ml-app/.dockerignore",
            "alertmanager/alertmanager.yml", "alertmanager/secrets/.gitignore",
            "gateway/certificates/.gitignore",
        }  # fmt: skip
        modes = {one.name: one.mode for one in archive.getmembers()}
        assert modes["tools/roll"] == 0o755
        assert modes["docker-compose.yml"] == 0o644


def test_the_digest_is_that_of_the_content(checkout: Path) -> None:
    first, archive = pack(checkout)
    archive.close()
    os.utime(checkout / "docker-compose.yml", (1, 1))
    (checkout / "ml-app" / "src" / "vigie" / "__pycache__" / "more.pyc").touch()
    again, archive = pack(checkout)
    archive.close()
    assert again == first
    (checkout / "tools" / "roll").write_text("other")
    other, archive = pack(checkout)
    archive.close()
    assert other != first


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="these run on Debian alone")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a machine with four releases, the oldest of which serves."""
    made = tmp_path / "opt"
    (made / "bin").mkdir(parents=True)
    (made / "backups").mkdir()
    for name in ("backup", "prune"):
        shutil.copy(FILES / name, made / "bin" / name)
    for age, name in enumerate(("first", "second", "third", "fourth")):
        release = made / "releases" / name
        release.mkdir(parents=True)
        (release / ".env").write_text(f"VIGIE_IMAGE=vigie-serve:{str(age) * 12}\n")
        os.utime(release / ".env", (age, age))
    (made / "releases" / "half-done").mkdir()
    for link in ("current", "good"):
        (made / link).symlink_to(made / "releases" / "first")
    return made


@on_linux
def test_old_releases_go_with_their_images(folder: Path) -> None:
    removed = folder / "removed"
    names = [f"vigie-serve:{str(age) * 12}" for age in range(4)]
    listed = "\\n".join([*names, "postgres:17", "vigie-serve:latest"])
    docker = folder / "fake" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        f'#!/bin/sh\n[ "$2" = ls ] && printf "{listed}\\n" || echo "$3" >> {removed}\n'
    )
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [folder / "bin" / "prune", "2"],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {one.name for one in (folder / "releases").iterdir()} == {"first", "third", "fourth"}
    assert removed.read_text().split() == [names[1]]
    assert set(done.stdout.split()) == {"second", "half-done", names[1]}


@on_linux
def test_the_newest_backups_are_kept(folder: Path) -> None:
    for day in range(10, 14):
        (folder / "backups" / f"vigie-202601{day}T000000Z.tar").touch()
    (folder / "backups" / "mine.tar").touch()
    tool = folder / "releases" / "first" / "tools" / "backup"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\ntouch "$1/vigie-20260114T000000Z.tar"\n')
    tool.chmod(0o755)
    subprocess.run([folder / "bin" / "backup", "2"], check=True)
    assert {one.name for one in (folder / "backups").iterdir()} == {
        "vigie-20260113T000000Z.tar", "vigie-20260114T000000Z.tar", "mine.tar"
    }  # fmt: skip
