"""The same file gets the same scores: from training, online, in a batch, as an object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import vigie
from support.photo_corpus import photo_corpus, write_files
from support.photo_ways import photo_ways, scores_in, scores_in_table
from support.photos import LABELS
from support.pixel_package import CLOSE, scores_in_training, write_pixels
from support.service import LiveService, MakeService
from vigie.cli.main import main
from vigie.registry.cache import ModelCache


@pytest.fixture
def package(cache: ModelCache) -> Path:
    """The folder of a model that takes photos, in the cache of the service."""
    with cache.lock("pixels") as incoming:
        digest = write_pixels(incoming)
        cache.install("pixels", incoming, digest, "1", "run1")
        cache.point("pixels", digest)
    cached = cache.champion("pixels")
    assert cached is not None
    return cached.root


@pytest.fixture
def service(package: Path, make_service: MakeService) -> LiveService:
    service = make_service(VIGIE_WORKERS="1", VIGIE_MODELS="pixels")
    service.start()
    return service


def of_batch(package: Path, files: dict[str, bytes], folder: Path) -> dict[str, list[float]]:
    photos, table = folder / "photos", folder / "scores.csv"
    write_files(photos, files)
    words = ["batch", str(package), str(photos), str(table), "--scores", "--pattern", "*"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return scores_in_table(table)


def test_one_file_has_one_answer(package: Path, service: LiveService, tmp_path: Path) -> None:
    files = photo_corpus()
    expected = scores_in_training(package, files)
    # the turned ones differ by more than is allowed here, so that a way which forgets it is seen
    turned = np.array([expected[f"turned-{orientation}.jpg"] for orientation in range(1, 9)])
    apart = np.abs(turned[:, None] - turned[None]).max(axis=2)
    assert apart[~np.eye(8, dtype=bool)].min() > 20 * CLOSE
    found = {"batch": of_batch(package, files, tmp_path)}
    answers = vigie.load(package).predict(list(files.values()))
    found["object"] = {
        name: list(one["scores"].values()) for name, one in zip(files, answers, strict=True)
    }
    service.wait_ready()
    with vigie.Client(f"http://127.0.0.1:{service.port}") as client:
        table = client.predict("pixels", {"photo": list(files.values())})
    columns = zip(*(table[f"score_{label}"] for label in LABELS), strict=True)
    found["client"] = {name: list(row) for name, row in zip(files, columns, strict=True)}
    for name, content in files.items():
        for way, (path, body, headers) in photo_ways("pixels", content).items():
            said = service.ask("POST", path, body, headers)
            assert said.status == 200, (way, name, said.body)
            found.setdefault(way, {})[name] = scores_in(said.json())
    for way, scores in found.items():
        assert scores.keys() == expected.keys(), way
        for name, wanted in expected.items():
            assert scores[name] == pytest.approx(wanted, abs=CLOSE), (way, name)
