"""Ten thousand photos under SIGKILL, and how quick a batch of photos is beside its bare parts."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import pytest
from PIL import Image
from rich.console import Console

from support.broken_photos import BROKEN, write_many
from support.memory import tell
from support.mobilenet import write_mobilenet
from support.photos import photo_pixels, write_colours
from support.waiting import wait_until
from vigie.batch.photo_scorer import BATCH_PHOTOS, PhotoScorer
from vigie.batch.photos import Order, score_photos
from vigie.batch.stop_signal import StopSignal
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.manifest import file_digest
from vigie.models.package import read_package
from vigie.models.photo import read_photo
from vigie.models.photo_folder import PhotoFolder

MANY, BROKEN_EACH, KILLS = 10_000, 33, 5
PHOTOS, ROUNDS = 2_000, 3
ONE_BY_ONE = 100
LEAST_OF_BARE, LEAST_OF_KERAS = 0.9, 10.0
MOST_GROWTH = 100e6


def start(package: Path, photos: Path, output: Path) -> subprocess.Popen[bytes]:
    paths = map(str, (package, photos, output))
    words = [sys.executable, "-m", "vigie", "batch", *paths]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_ten_thousand_photos_killed_five_times(tmp_path: Path) -> None:
    package, photos, output = tmp_path / "package", tmp_path / "photos", tmp_path / "out.csv"
    write_colours(package)
    broken = write_many(photos, MANY, BROKEN_EACH)
    assert broken >= 0.03 * MANY
    assert len(BROKEN) >= 10
    whole = tmp_path / "whole.csv"
    assert start(package, photos, whole).wait() == 1
    chance = random.Random(os.getpid())
    at = sorted(chance.sample(range(500, MANY - 2500), KILLS))
    killed = 0
    for lines in at:
        process = start(package, photos, output)
        wait_until(lambda: lines_of(output) > lines or process.poll() is not None, 600)  # noqa: B023
        process.kill()
        killed += process.wait() == -9
        tell(f"killed at {lines_of(output)} lines")
    assert killed == KILLS
    assert start(package, photos, output).wait() == 1
    assert file_digest(output) == file_digest(whole)
    assert lines_of(output) == MANY + 1
    assert not output.with_name("out.csv.journal").exists()


def test_memory_does_not_grow_with_the_photos(tmp_path: Path) -> None:
    package = tmp_path / "package"
    write_colours(package)
    peaks = []
    for count in (100, MANY):
        write_many(tmp_path / f"{count}", count, BROKEN_EACH)
        process = start(package, tmp_path / f"{count}", tmp_path / f"{count}.csv")
        peak, watched = 0, psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.02)
        assert process.wait() == 1
        peaks.append(peak)
    tell(f"memory at most {peaks[0] / 1e6:.0f} MB for 100, {peaks[1] / 1e6:.0f} MB for {MANY:,}")
    assert peaks[1] - peaks[0] < MOST_GROWTH


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Predictor, Callable[..., object]]:
    """The package on one thread a call, and Keras' own `predict`."""
    root = tmp_path_factory.mktemp("mobilenet") / "package"
    digest, predict = write_mobilenet(root)
    return open_predictor(read_package(root, digest)), predict


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of 224 to 500 pixels a side."""
    folder, chance = tmp_path_factory.mktemp("photos"), random.Random(7)
    for number in range(PHOTOS):
        size = (chance.randint(224, 500), chance.randint(224, 500))
        pixels = photo_pixels("green", size, number)
        noise = np.random.default_rng(number).integers(0, 24, pixels.shape)
        grainy = np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(grainy).save(folder / f"{number:05}.jpg", quality=chance.randint(75, 95))
    return folder


def seconds(task: Callable[[], object]) -> float:
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


def test_a_batch_is_as_quick_as_its_parts(
    mobilenet: tuple[Predictor, Callable[..., object]], folder: Path, tmp_path: Path
) -> None:
    predictor, predict = mobilenet
    item = predictor.package.document.images[0]
    cores = len(os.sched_getaffinity(0))
    files = sorted(folder.iterdir())
    data = [path.read_bytes() for path in files]
    pixels = np.stack([read_photo(one, item).pixels for one in data])
    ready = [pixels[at : at + BATCH_PHOTOS] for at in range(0, len(files), BATCH_PHOTOS)]
    scorer = PhotoScorer(predictor, folder)

    def engine() -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda part: predictor.engine.run({item.name: part}), ready))

    def decoder() -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda one: read_photo(one, item), data))

    def whole() -> None:
        order = Order(PhotoFolder(folder), tmp_path / "out.csv", {}, cores, restart=True)
        outcome = score_photos(scorer, order, StopSignal(), Console(file=StringIO()))
        assert (outcome.photos, outcome.failed) == (PHOTOS, 0)

    def keras() -> None:
        for one in data[:ONE_BY_ONE]:
            predict(read_photo(one, item).pixels[np.newaxis])

    # side by side: a machine that is busy for a while is so for all of them
    of_bare, of_keras = [], []
    for _ in range(ROUNDS):
        bare, decoding, ours, slow = (seconds(task) for task in (engine, decoder, whole, keras))
        of_bare.append((bare + decoding) / ours)
        of_keras.append((slow / ONE_BY_ONE) / (ours / PHOTOS))
        tell(
            f"engine {1e3 * bare / PHOTOS:.2f}, decoder {1e3 * decoding / PHOTOS:.2f}, batch "
            f"{1e3 * ours / PHOTOS:.2f}, predict {1e3 * slow / ONE_BY_ONE:.1f} ms a photo"
        )
    tell(f"{median(of_bare):.2f} of the bare parts, {median(of_keras):.1f} times model.predict")
    assert median(of_bare) >= LEAST_OF_BARE
    assert median(of_keras) >= LEAST_OF_KERAS
