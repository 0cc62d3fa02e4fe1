from __future__ import annotations

import errno
import random
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from support.broken_photos import write_many
from support.colours_package import write_colours
from support.photos import photo_bytes, write_photos
from vigie.batch.growing_table import GrowingTable
from vigie.batch.listing import PhotoList
from vigie.batch.order import Order
from vigie.batch.photo_scorer import PhotoScorer, Scored
from vigie.batch.photos import BatchSummary, score_photos
from vigie.batch.stop_signal import StopSignal
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import DataError
from vigie.models.package import read_package
from vigie.models.photo_folder import PhotoFolder

FACTS = {"model": ["colours", "abc"]}


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    root = tmp_path_factory.mktemp("package") / "colours"
    return open_predictor(read_package(root, write_colours(root)))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_photos(tmp_path / "photos", each=10)
    return tmp_path / "photos"


class StopsAfter(StopSignal):
    """A stop that is asked for once so many questions were asked."""

    def __init__(self, questions: int = 10**9) -> None:
        super().__init__()
        self.left = questions

    @property
    def seen(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, seconds: float) -> bool:
        return self.seen


def order(photos: Path, name: str = "out.csv") -> Order:
    return Order(PhotoFolder(photos), photos.parent / name, FACTS, workers=2)


def run(predictor: Predictor, order: Order, stop: StopSignal | None = None) -> BatchSummary:
    scorer = PhotoScorer(predictor, order.listing.root)
    return score_photos(scorer, order, stop or StopsAfter(), Console(file=StringIO()))


def test_every_photo_has_a_line_in_a_stable_order(predictor: Predictor, tmp_path: Path) -> None:
    broken = write_many(tmp_path / "photos", 200)
    outcome = run(predictor, order(tmp_path / "photos"))
    assert (outcome.photos, outcome.failed, outcome.whole) == (200, broken, True)
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "name,label,score,error"
    assert [line.lstrip('"')[:5] for line in lines[1:]] == [f"{n:05}" for n in range(200)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "photos"]


@pytest.mark.parametrize("workers", [1, 5])
def test_the_number_of_workers_changes_no_byte(
    predictor: Predictor, photos: Path, workers: int
) -> None:
    run(predictor, order(photos))
    run(predictor, replace(order(photos, "other.csv"), workers=workers))
    found = [(photos.parent / name).read_bytes() for name in ("out.csv", "other.csv")]
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_run_that_is_stopped_again_and_again_ends_as_one_that_is_not(
    predictor: Predictor, photos: Path, name: str
) -> None:
    wanted = order(photos, name)
    run(predictor, replace(wanted, output=photos.parent / f"whole-{name}"))
    run(predictor, wanted, StopsAfter(2))
    assert wanted.journal.exists()
    run(predictor, wanted, StopsAfter(1))
    assert run(predictor, wanted).photos == 30
    assert wanted.output.read_bytes() == (photos.parent / f"whole-{name}").read_bytes()
    assert not wanted.journal.exists()
    assert wanted.table == wanted.output or not wanted.table.exists()


def test_any_state_that_a_kill_can_leave_is_gone_on_from(
    predictor: Predictor, photos: Path
) -> None:
    """The table and its journal, each cut where the other is not."""
    wanted = order(photos)
    run(predictor, wanted)
    whole = wanted.output.read_bytes()
    # some parts of the eight
    assert not run(predictor, wanted, StopsAfter(3)).whole
    table, journal = wanted.output.read_bytes(), wanted.journal.read_bytes()
    chance = random.Random(3)
    for _ in range(30):
        wanted.output.write_bytes(table[: chance.randint(0, len(table))])
        wanted.journal.write_bytes(journal[: chance.randint(0, len(journal))])
        assert run(predictor, wanted).photos == 30
        assert wanted.output.read_bytes() == whole


def begun(predictor: Predictor, wanted: Order) -> None:
    assert not run(predictor, wanted, StopsAfter(1)).whole


def test_another_model_is_refused_and_restart_begins_anew(
    predictor: Predictor, photos: Path
) -> None:
    begun(predictor, order(photos))
    other = replace(order(photos), facts={"model": ["colours", "xyz"]})
    with pytest.raises(DataError, match="begun with another model; --restart begins anew"):
        run(predictor, other)
    assert run(predictor, replace(other, restart=True)).photos == 30


def test_photos_that_come_and_go_between_two_runs(predictor: Predictor, photos: Path) -> None:
    begun(predictor, order(photos))
    (photos / "aaa.jpg").write_bytes(photo_bytes("red"))
    (photos / "red-9.jpg").unlink()
    outcome = run(predictor, order(photos))
    assert (outcome.photos, outcome.failed, outcome.came_since) == (30, 1, 1)
    lines = order(photos).output.read_text().splitlines()
    assert lines[-1] == 'red-9.jpg,,,"there is no such file, or it is gone"'


def test_another_list_is_refused(predictor: Predictor, photos: Path) -> None:
    names = tuple(path.name for path in photos.iterdir())
    begun(predictor, replace(order(photos), listing=PhotoList(photos, names)))
    with pytest.raises(DataError, match="another list of photos"):
        run(predictor, replace(order(photos), listing=PhotoList(photos, names[1:])))


def test_the_output_is_no_photo_of_its_own_input(predictor: Predictor, photos: Path) -> None:
    listing = PhotoFolder(photos, ("*",))
    inside = replace(order(photos), listing=listing, output=photos / "out.csv")
    begun(predictor, inside)
    assert run(predictor, inside).failed == 0
    assert run(predictor, inside).photos == 30


def test_a_photo_is_never_written_over(predictor: Predictor, photos: Path) -> None:
    photo = min(photos.iterdir())
    content = photo.read_bytes()
    link = photos.parent / "link" / photo.name
    link.parent.mkdir()
    link.symlink_to(photo)
    paths = PhotoList(Path(), (str(photo),))
    for wanted in (
        Order(PhotoFolder(photos), photo, FACTS),
        Order(PhotoFolder(photos), link, FACTS),
        Order(paths, photo, FACTS),
    ):
        with pytest.raises(DataError, match="OUTPUT is a photo of INPUT"):
            run(predictor, wanted)
    assert photo.read_bytes() == content
    assert len(list(photos.iterdir())) == 30


def test_an_earlier_table_among_the_photos_is_written_anew(
    predictor: Predictor, photos: Path
) -> None:
    wanted = Order(PhotoFolder(photos, ("*",)), photos / "out.csv", FACTS)
    first, again = run(predictor, wanted), run(predictor, wanted)
    assert (first.photos, first.failed) == (again.photos, again.failed) == (30, 0)
    assert not wanted.journal.exists()


def test_nothing_to_do_leaves_nothing(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no photo in the input"):
        run(predictor, order(tmp_path / "empty"))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_an_output_without_a_folder(predictor: Predictor, photos: Path) -> None:
    with pytest.raises(DataError, match=r"the folder of out\.csv is not there"):
        run(predictor, replace(order(photos), output=photos / "absent" / "out.csv"))


def test_an_output_that_cannot_be_written(predictor: Predictor, photos: Path) -> None:
    (photos.parent / "out.csv").mkdir()
    with pytest.raises(DataError, match=r"out\.csv cannot be written"):
        run(predictor, order(photos))
    assert not order(photos).journal.exists()


def test_a_full_disk_is_named_and_gone_on_from(
    predictor: Predictor, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = GrowingTable.append

    def full(table: GrowingTable, scored: Scored) -> None:
        if table.mark.photos >= 16:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(table, scored)

    with monkeypatch.context() as patch:
        patch.setattr(GrowingTable, "append", full)
        with pytest.raises(DataError, match=r"the disk is full: .* make room"):
            run(predictor, order(photos))
    assert len(order(photos).output.read_text().splitlines()) == 17
    assert run(predictor, order(photos)).photos == 30


def test_a_worker_that_fails_stops_the_run(
    predictor: Predictor, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("vigie.batch.photo_scorer.read_photo_file", fail)
        with pytest.raises(DataError, match="no more memory or open files"):
            run(predictor, order(photos))
    assert run(predictor, order(photos)).failed == 0


class Arrives(StopSignal):
    """Lets things happen between two looks, and then asks for the stop."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        super().__init__()
        self.happenings = [*happenings]

    def wait(self, seconds: float) -> bool:
        if not self.happenings:
            return True
        self.happenings.pop(0)()
        return False


def test_watch_takes_what_arrives_and_goes_on_later(predictor: Predictor, photos: Path) -> None:
    wanted = replace(order(photos), watch=True)
    new, later = photos / "00.jpg", photos / "01.jpg"
    stop = Arrives(
        lambda: None, lambda: new.write_bytes(photo_bytes("blue")), lambda: None, lambda: None
    )
    outcome = run(predictor, wanted, stop)
    assert (outcome.photos, outcome.failed, outcome.whole) == (31, 0, True)
    first = wanted.output.read_text()
    assert first.splitlines()[-1].startswith("00.jpg,blue,")
    later.write_bytes(photo_bytes("green"))
    outcome = run(predictor, wanted, Arrives(lambda: None, lambda: None))
    assert outcome.photos == 32
    assert wanted.output.read_text().startswith(first)
    assert wanted.output.read_text().splitlines()[-1].startswith("01.jpg,green,")


def test_watch_waits_for_a_folder_that_is_away(predictor: Predictor, photos: Path) -> None:
    wanted = replace(order(photos), watch=True)
    away = photos.with_name("away")
    stop = Arrives(
        lambda: photos.rename(away), lambda: None, lambda: away.rename(photos),
        lambda: (photos / "new.jpg").write_bytes(photo_bytes("blue")), lambda: None, lambda: None,
    )  # fmt: skip
    outcome = run(predictor, wanted, stop)
    assert (outcome.photos, outcome.failed, outcome.whole) == (31, 0, True)
    assert wanted.output.read_text().splitlines()[-1].startswith("new.jpg,blue,")


def test_no_file_is_held_open(predictor: Predictor, photos: Path) -> None:
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    run(predictor, order(photos))
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
