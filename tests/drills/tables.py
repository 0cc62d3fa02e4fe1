"""A table of a million rows beside the bare engine on the same rows, both on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from support.memory import tell
from support.trained import train_package
from vigie.batch.table import score_table
from vigie.batch.table_answers import Score
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.feeds import feeds_of
from vigie.models.package import read_package
from vigie.settings import usable_cores

ROWS, ROUNDS, ROWS_A_CALL = 1_000_000, 3, 1024
LEAST_OF_BARE = 0.5


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    """A CSV file of so many rows, the given ones again and again."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join("" if row.get(n) is None else str(row[n]) for n in names) for row in rows]
    again = "\n".join(lines) + "\n"
    whole, more = divmod(ROWS, len(rows))
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        for _ in range(whole):
            file.write(again)
        file.writelines(f"{line}\n" for line in lines[:more])


def bare(predictor: Predictor, rows: list[dict[str, object]]) -> Callable[[], None]:
    """The engine alone on as many rows, that are arrays already: calls on all cores."""
    document = predictor.package.document
    many = (rows * (ROWS_A_CALL // len(rows) + 1))[:ROWS_A_CALL]
    feeds = feeds_of(document.inputs, predictor.decoder.decode(many).columns)
    wanted = [output.tensor for output in document.shown_outputs]

    def run() -> None:
        with ThreadPoolExecutor(usable_cores()) as pool:
            calls = [
                pool.submit(predictor.engine.run, feeds, wanted) for _ in range(ROWS // ROWS_A_CALL)
            ]
            for call in calls:
                call.result()

    return run


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_a_table_is_answered_at_half_the_speed_of_the_engine(tmp_path: Path) -> None:
    package = train_package("housing", tmp_path / "housing")
    predictor = open_predictor(read_package(package.root, package.digest))
    rows = package.held_out.rows()
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    write_rows(source, rows)
    engine = bare(predictor, rows)
    assert score_table(predictor, source, target) == Score(ROWS, 0)
    shares = []
    for _ in range(ROUNDS):
        alone, table = seconds(engine), seconds(lambda: score_table(predictor, source, target))
        shares.append(alone / table)
        tell(f"engine {ROWS / alone:,.0f} rows/s, table {ROWS / table:,.0f}: {shares[-1]:.2f}")
    assert median(shares) >= LEAST_OF_BARE
