"""`vigie import` of models of photos: what is asked for, and how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vigie.cli import importing as command
from vigie.cli.main import main
from vigie.training.imported import importing
from vigie.training.imported.importing import Imported, MissingStatement, Wanted
from vigie.training.imported.photos import Finding, Question
from vigie.training.imported.scaling import NAMED

LIKELY = Finding("symmetric", "it is called mobilenetv2, as a model of Keras is")
Answer = Callable[[Question], list[Wanted]]


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Makes the import ask a question until size and scaling are stated; gives what it was told."""

    def ask(question: Question) -> list[Wanted]:
        told: list[Wanted] = []

        def import_model(source: str, wanted: Wanted, settings: Any) -> Imported:
            told.append(wanted)
            photos = wanted.photos
            if photos.scaling is None or (question.size is None and photos.size is None):
                raise MissingStatement(source, question)
            return Imported("3", "f" * 64, "onnx", 1e-7, None, True, scaling="photos scaled")

        monkeypatch.setattr(importing, "import_model", import_model)
        return told

    return ask


def run(*words: str, answers: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["import", *words], answers)
    return done.exit_code, done.output


def test_what_must_be_stated_is_told_with_the_command(asking: Answer, tmp_path: Path) -> None:
    asking(Question((224, 224), True, LIKELY))
    labels = tmp_path / "my labels.txt"
    labels.write_text("cat\ndog\n")
    code, said = run("net.keras", "--name", "pets", "--labels", str(labels))
    assert code == 2
    assert "net.keras takes photos of 224x224 and does not tell how their pixels are scaled" in said
    assert "as a model of Keras is: symmetric" in said
    assert f"vigie import net.keras --name pets --labels '{labels}' --scaling symmetric\n" in said
    assert all(name in said for name in NAMED)


def test_the_command_is_what_it_takes(asking: Answer) -> None:
    told = asking(Question(None, True, None))
    code, said = run("net.keras", "--name", "pets")
    assert code == 2
    assert "of which size they are nor how their pixels are scaled" in said
    assert "vigie import net.keras --name pets --size 224x224 --scaling SCALING\n" in said
    code, said = run("net.keras", "--name", "pets", "--size", "160", "--scaling", "unit")
    assert code == 0
    assert "photos scaled" in said
    assert told[-1].photos.size == (160, 160)
    assert told[-1].photos.scaling == NAMED["unit"]


def test_at_a_terminal_it_asks(asking: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    told = asking(Question(None, True, LIKELY))
    monkeypatch.setattr(command, "_at_terminal", lambda: True)
    code, said = run("net.keras", "--name", "pets", answers="160x192\n\n")
    assert code == 0, said
    assert told[-1].photos.size == (160, 192)
    assert told[-1].photos.scaling == NAMED["symmetric"]


def test_options_of_photos(asking: Answer) -> None:
    told = asking(Question((64, 64), True, None))
    code, _ = run(
        "net.onnx", "--name", "pets", "--scale", "0.1", "--offset", "1,2,3",
        "--resize", "bicubic", "--fit", "crop",
    )  # fmt: skip
    assert code == 0
    (wanted,) = told
    assert wanted.photos.scaling is not None
    assert wanted.photos.scaling.offset == (1.0, 2.0, 3.0)
    assert wanted.photos.resize is not None
    assert (wanted.photos.resize.filter, wanted.photos.resize.fit) == ("bicubic", "crop")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scaling", "tiny"], "there is no scaling 'tiny'"),
        (["--size", "big"], "--size is the height and width"),
        (["--labels", "none.txt"], "there is no file none.txt"),
    ],
)
def test_wrong_options_are_one_sentence(words: list[str], told: str) -> None:
    code, said = run("net.keras", "--name", "pets", *words)
    assert code == 1
    assert told in said
    assert said.count("\n") == 1
