"""Files are replaced whole or not at all; a lock has one holder at a time."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from vigie.files import link_atomically, locked, replacing, write_atomically


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_atomically(tmp_path / "x.json", b"old")
    return tmp_path / "x.json"


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.parametrize("durable", [False, True])
def test_the_new_content_takes_the_place_of_the_old(path: Path, durable: bool) -> None:
    write_atomically(path, b"new", durable=durable)
    assert path.read_bytes() == b"new"
    assert [*path.parent.iterdir()] == [path]


def test_until_the_end_a_reader_sees_the_old_file(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_block_that_fails_leaves_the_old_file_alone(path: Path) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        fail(file)
    assert path.read_bytes() == b"old"
    assert [*path.parent.iterdir()] == [path]


def test_a_full_disk_leaves_the_old_file_alone(path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        _with_small_files(path)
    assert path.read_bytes() == b"old"
    assert [*path.parent.iterdir()] == [path]


def _with_small_files(path: Path) -> None:
    """A limit stands for the disk: both fail when what was buffered is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        write_atomically(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_writer_that_dies_before_the_rename_leaves_the_old_file(path: Path) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from vigie.files import write_atomically\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "write_atomically(Path(sys.argv[1]), b'new', durable=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    # what it left is in nobody's way
    assert [each.read_bytes() for each in path.parent.glob(".x.json.*")] == [b"new"]
    write_atomically(path, b"newer")
    assert path.read_bytes() == b"newer"


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("asked", "found"), [(None, 0o640), (0o600, 0o600), (0o444, 0o444)])
def test_the_mode_is_exact_and_else_as_the_umask_says(
    tmp_path: Path, asked: int | None, found: int
) -> None:
    write_atomically(tmp_path / "x", b"", mode=asked)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == found


def test_nobody_else_can_read_a_secret_while_it_is_written(path: Path) -> None:
    with replacing(path, mode=0o400, owner=(os.getuid(), os.getgid())) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o400
        file.write(b"secret")
    assert (path.stat().st_uid, path.stat().st_gid) == (os.getuid(), os.getgid())


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_durable_is_on_the_disk_before_its_name_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    seen = []
    replace = Path.replace

    def synced(descriptor: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    def renamed(fresh: Path, target: Path) -> Path:
        seen.append("name")
        return replace(fresh, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_atomically(path, b"new", durable=durable)
    assert seen == (["file", "name", "folder"] if durable else ["name"])


def test_writers_at_once_do_not_mix(path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    writers = [threading.Thread(target=write_atomically, args=(path, each)) for each in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in contents
    assert [*path.parent.iterdir()] == [path]


def test_a_link_is_replaced(tmp_path: Path) -> None:
    for target in ("one", "other"):
        link_atomically(tmp_path / "link", Path(target))
        assert (tmp_path / "link").readlink() == Path(target)
    assert [*tmp_path.iterdir()] == [tmp_path / "link"]


@pytest.mark.parametrize("name", ["lock", "."])
def test_a_file_or_a_folder_has_one_holder_at_a_time(tmp_path: Path, name: str) -> None:
    inside, most = [0], [0]

    def work() -> None:
        with locked(tmp_path / name) as ours:
            assert ours
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= 1

    workers = [threading.Thread(target=work) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (inside, most) == ([0], [1])


@pytest.mark.parametrize("longest", [0.0, 0.1])
def test_a_lock_that_another_holds_is_waited_for_so_long(tmp_path: Path, longest: float) -> None:
    with locked(tmp_path / "lock"):
        began = time.monotonic()
        with locked(tmp_path / "lock", longest) as ours:
            assert not ours
            assert longest <= time.monotonic() - began < longest + 5
    with locked(tmp_path / "lock", longest) as ours:
        assert ours


def test_the_lock_of_a_process_that_dies_is_free(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from vigie.files import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with locked(lock, 0) as ours:
            assert not ours
        holder.kill()
        with locked(lock, 30) as ours:
            assert ours


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "absent" / "lock"):
        pass
