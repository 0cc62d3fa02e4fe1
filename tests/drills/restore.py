"""A machine of production is lost and restored from its backup; restores that are killed."""

from __future__ import annotations

import csv
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
import pytest

from support.compose import HOUSE, ROOT
from support.memory import tell
from support.site import Site, basic, production
from support.waiting import wait_until

RESTORED_SECONDS = 60
ROWS = 50_000
ROWS_OF_A_REQUEST = 1000
RATE = 30.0
OWN_MODELS = ("flats", "rents")
SOMEBODY = 54321
"""A user who may speak to the engine, and is not root."""
DATABASES = ("mlflow", "mlflow_auth", "predictions")
SETTINGS = """\
services:
  ml-app:
    environment: {VIGIE_PREDICTION_LOG_ROWS_PER_SECOND: "100000"}
"""
RECIPE = """\
name: NAME
title: {en: Of a flat}
task: regression
source: made up
target: {column: NAME, name: value_eur, label: Value, unit: EUR, decimals: 0}
inputs:
  size_m2: {type: number, unit: m², limits: [5, 500], label: Size}
  rooms: {type: integer, limits: [1, 20], label: Rooms}
network: {architecture: linear}
"""
STEPS = re.findall(r'^say "(.* …)"$', (ROOT / "tools" / "restore").read_text(), re.MULTILINE)


@dataclass
class Load:
    """One caller at an even pace, over TLS and with a key."""

    site: Site
    key: str
    statuses: list[object] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _work(self) -> None:
        body = orjson.dumps({"instances": [HOUSE]})
        while not self._stop.wait(1 / RATE):
            try:
                status, headers, _ = self.site.ask(
                    "POST", "/predict/housing", body, X_Api_Key=self.key
                )
            except OSError as failure:
                self.statuses.append(repr(failure))
            else:
                self.statuses.append(status)
                self.ids.append(headers.get("x-request-id", ""))


@dataclass
class Machine:
    """The stack, and what its people know of it."""

    site: Site
    folder: Path
    key: str = ""
    revoked: str = ""
    answers: dict[str, tuple[str, object]] = field(default_factory=dict)

    def sql(self, database: str, query: str) -> str:
        words = ("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", database, "-Atc", query)
        return self.site.stack.compose(*words).stdout.strip()

    def tables(self, database: str, but: str = "") -> dict[str, str]:
        """A digest of each table."""
        names = self.sql(
            database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).split()
        digest = (
            "SELECT count(*) || ' ' || md5(string_agg(md5(t::text), '' ORDER BY md5(t::text)))"
            " FROM {} t {}"
        )
        return {
            name: self.sql(database, digest.format(f'"{name}"', but if name == "users" else ""))
            for name in names
        }

    def state(self) -> dict[str, object]:
        """What a restore must bring back, but for what callers do meanwhile."""
        kept = "cd /secrets/apikeys; cat keys.jsonl audit.log /var/lib/vigie/audit.log"
        files = "cd /var/lib/mlflow/artifacts; find . -type f | sort | xargs sha256sum"
        stack = self.site.stack
        own = {"admin", "registry"}
        return {
            "mlflow": self.tables("mlflow"),
            "accounts": self.tables("mlflow_auth", f"WHERE username NOT IN {tuple(sorted(own))}"),
            "truths": self.tables("predictions")["truths"],
            "artifacts": stack.compose("exec", "-T", "mlflow", "sh", "-c", files).stdout,
            "kept": stack.compose("run", "--rm", "--no-deps", "-T", "backup", kept).stdout,
        }

    def tool(self, name: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        with self.start(name, *words, **more) as process:
            out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def start(self, name: str, *words: str, **more: str) -> subprocess.Popen[str]:
        """A script of `tools/`, as somebody who is not root."""
        socket = Path("/var/run/docker.sock").stat()
        who: dict[str, Any] = (
            {"user": SOMEBODY, "group": SOMEBODY, "extra_groups": [socket.st_gid]}
            if os.getuid() == 0
            else {}
        )
        return subprocess.Popen(
            [ROOT / "tools" / name, *words], cwd=ROOT, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.site.stack.environment, "HOME": str(self.folder), **more}, **who,
        )  # fmt: skip

    def restore(self, file: Path) -> subprocess.CompletedProcess[str]:
        return self.tool(
            "restore", str(file), YES="1", SERVICES=" ".join(self.site.stack.services())
        )

    def ask(self, model: str) -> tuple[str, object]:
        """Digest and prediction that the champion of a model gives."""
        row = HOUSE if model == "housing" else {"size_m2": 54, "rooms": 3}
        status, headers, body = self.site.ask(
            "POST", f"/predict/{model}", orjson.dumps({"instances": [row]}), X_Api_Key=self.key
        )
        assert status == 200, body
        return headers["x-model-digest"], orjson.loads(body)["predictions"]

    def mlflow(self, path: str, body: object, who: str = "") -> dict[str, Any]:
        status, _, answer = self.site.ask(
            "POST", f"/mlflow/api/2.0/mlflow/{path}", orjson.dumps(body),
            Authorization=who or self.site.administrator(),
        )  # fmt: skip
        assert status == 200, answer
        found: dict[str, Any] = orjson.loads(answer or b"{}")
        return found

    def is_as_known(self) -> None:
        """Every model answers as it did, and every key and account is as it was."""
        deadline = time.monotonic() + 60
        while True:
            try:
                assert {model: self.ask(model) for model in self.answers} == self.answers
                break
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
        body = orjson.dumps({"instances": [HOUSE]})
        assert self.site.ask("POST", "/predict/housing", body, X_Api_Key=self.revoked)[0] == 401
        self.mlflow("experiments/search", {"max_results": 1}, basic("ada", "wonderful-engine-1"))


def _train(machine: Machine, name: str, seed: int) -> None:
    folder = machine.folder / "own"
    folder.mkdir(exist_ok=True)
    dice = random.Random(seed)
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["size_m2", "rooms", *OWN_MODELS])
        for _ in range(2000):
            size, rooms = dice.uniform(20, 200), dice.randint(1, 8)
            worth = (3000 * size + 9000 * rooms) * dice.gauss(1, 0.05)
            table.writerow([
                round(size, 1), rooms, round(worth), round(worth / 200),
            ])  # fmt: skip
    (folder / "own.yaml").write_text(RECIPE.replace("NAME", name))
    machine.site.stack.compose(
        "run", "--rm", "-T", "-v", f"{folder}:/data:ro", "trainer", "train", "/data/own.yaml",
        "--data", "/data/table.csv",
    )  # fmt: skip


def _answer(machine: Machine) -> list[str]:
    """Asks for many rows, and tells the truth about some."""
    dice = random.Random(5)
    ids = []
    for _ in range(ROWS // ROWS_OF_A_REQUEST):
        wanted = [
            {"size_m2": dice.randint(20, 200), "rooms": dice.randint(1, 8)}
            for _ in range(ROWS_OF_A_REQUEST)
        ]
        status, headers, body = machine.site.ask(
            "POST", "/predict/flats", orjson.dumps({"instances": wanted}), X_Api_Key=machine.key
        )
        assert status == 200, body
        assert headers["x-prediction-logged"] == "true"
        ids.append(headers["x-request-id"])
        # a queue has room for 20,000 rows
        time.sleep(0.4)
    truths = [
        {"request_id": one, "row": row, "actual": 1e5} for one in ids[:10] for row in range(20)
    ]
    status, _, body = machine.site.ask(
        "POST", "/feedback", orjson.dumps(truths), X_Api_Key=machine.key
    )
    assert status == 200, body
    return ids


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    folder.chmod(0o777)
    (folder / "settings.yml").write_text(SETTINGS)
    (folder / "textfiles").mkdir()
    (folder / "textfiles").chmod(0o777)
    environment = {
        "VIGIE_REQUESTS_PER_MINUTE": "1000000", "VIGIE_TEXTFILES": str(folder / "textfiles"),
    }  # fmt: skip
    with production(folder, environment, [folder / "settings.yml"]) as site:
        site.stack.up(seconds=900)
        made = Machine(site, folder)
        made.key, made.revoked = site.add_key("app"), site.add_key("former")
        site.stack.compose("run", "--rm", "-T", "apikeys", "revoke", "former")
        for seed, name in enumerate((*OWN_MODELS, OWN_MODELS[0])):
            _train(made, name, seed)
        _challenge(made, OWN_MODELS[0])
        made.mlflow("users/create", {"username": "ada", "password": "wonderful-engine-1"})
        deadline = time.monotonic() + 60
        while True:
            try:
                made.answers = {name: made.ask(name) for name in ("housing", *OWN_MODELS)}
                break
            except AssertionError:
                assert time.monotonic() < deadline
                time.sleep(1)
        _answer(made)
        logged = "SELECT count(*) FROM predictions"
        wait_until(lambda: int(made.sql("predictions", logged)) >= ROWS, 180)
        waiting = "SELECT count(*) FROM truths WHERE state <> 'joined'"
        wait_until(lambda: made.sql("predictions", waiting) == "0", 180)
        yield made


def _challenge(machine: Machine, model: str) -> None:
    """The version that is not the champion becomes the challenger."""
    found = machine.sql(
        "mlflow",
        "SELECT version FROM registered_model_aliases "
        f"WHERE name = '{model}' AND alias = 'champion'",
    )
    other = "2" if found == "1" else "1"
    machine.mlflow(
        "registered-models/alias", {"name": model, "alias": "challenger", "version": other}
    )


@dataclass(frozen=True)
class Backup:
    """A backup, and what the machine held when it was made."""

    file: Path
    state: dict[str, object]
    rows: int


@pytest.fixture(scope="module")
def backup(machine: Machine) -> Backup:
    with Load(machine.site, machine.key) as load:
        time.sleep(3)
        before, state = list(load.ids), machine.state()
        time.sleep(10)
        began = time.monotonic()
        made = machine.tool("backup", str(machine.folder / "backups"))
        took = time.monotonic() - began
        time.sleep(1)
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    tell(f"backup within {took:.1f} s, {len(load.statuses)} requests meanwhile")
    assert set(load.statuses) == {200}
    file = Path(made.stdout.strip())
    assert file.stat().st_mode & 0o077 == 0
    rows = int(machine.sql("predictions", "SELECT count(*) FROM predictions"))
    assert rows >= ROWS + len(before)
    return Backup(file, state, ROWS + len(before))


def test_a_machine_is_lost(machine: Machine, backup: Backup) -> None:
    machine.site.stack.down()
    began = time.monotonic()
    restored = machine.restore(backup.file)
    took = time.monotonic() - began
    assert restored.returncode == 0, restored.stderr
    tell(f"restored on an empty machine within {took:.0f} s")
    assert machine.state() == backup.state
    machine.is_as_known()
    assert int(machine.sql("predictions", "SELECT count(*) FROM predictions")) >= backup.rows
    assert took <= RESTORED_SECONDS
    # the next start finds nothing to mend
    machine.site.stack.up()
    machine.is_as_known()


@pytest.mark.parametrize("late", [0.0, 0.7], ids=lambda late: f"{late} s into it")
@pytest.mark.parametrize("step", STEPS)
def test_a_restore_is_killed(machine: Machine, backup: Backup, step: str, late: float) -> None:
    machine.mlflow("experiments/create", {"name": f"{step} {late}"})
    machine.site.add_key(f"later-{random.randrange(10**6)}")
    before = machine.state()
    services = " ".join(machine.site.stack.services())
    with machine.start("restore", str(backup.file), YES="1", SERVICES=services) as process:
        assert process.stderr
        seen = [next(line for line in process.stderr if line.strip() == step)]
        time.sleep(late)
        os.killpg(process.pid, signal.SIGKILL)
    assert seen
    machine.site.stack.up()
    after = machine.state()
    swapped = STEPS.index("Swapping the databases, the keys and the audit logs …")
    if STEPS.index(step) + (late > 0) < swapped:
        assert _unlike(after, before) <= {"artifacts"}
    else:
        assert after["mlflow"] in (before["mlflow"], backup.state["mlflow"])
    assert machine.ask("housing")
    again = machine.restore(backup.file)
    assert again.returncode == 0, again.stderr
    # an audit log only grows
    assert _unlike(machine.state(), backup.state) <= {"kept"}
    machine.is_as_known()


def _unlike(one: dict[str, object], other: dict[str, object]) -> set[str]:
    return {name for name in one if one[name] != other[name]}


def test_a_backup_of_the_release_before(machine: Machine, backup: Backup, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    subprocess.run(["tar", "--extract", "--directory", old, "--file", backup.file], check=True)
    subprocess.run(
        "parts='VERSION mlflow.dump mlflow_auth.dump predictions.dump artifacts.tar keys.jsonl';"
        "sha256sum $parts > SHA256SUMS; tar --create --file ../old.tar VERSION SHA256SUMS $parts",
        shell=True, cwd=old, check=True,
    )  # fmt: skip
    machine.site.stack.down()
    restored = machine.restore(_beside(machine, tmp_path / "old.tar"))
    assert restored.returncode == 0, restored.stderr
    state = machine.state()
    assert _unlike(state, backup.state) <= {"kept"}
    machine.is_as_known()


def _beside(machine: Machine, file: Path) -> Path:
    """A copy where somebody who is not root may read it."""
    copy = machine.folder / file.name
    copy.write_bytes(file.read_bytes())
    copy.chmod(0o644)
    return copy


def test_a_damaged_backup_changes_nothing(machine: Machine, backup: Backup) -> None:
    before = machine.state()
    data = bytearray(backup.file.read_bytes())
    data[len(data) // 2] ^= 1
    broken = machine.folder / "broken.tar"
    broken.write_bytes(data)
    broken.chmod(0o644)
    refused = machine.restore(broken)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"vigie: {broken} is damaged")
    assert machine.state() == before
    machine.is_as_known()


def test_a_night_makes_a_backup_tries_it_and_tells_prometheus(machine: Machine) -> None:
    running = machine.site.stack.health()
    with Load(machine.site, machine.key) as load:
        began = time.monotonic()
        night = machine.tool("nightly", BACKUPS=str(machine.folder / "nights"))
        took = time.monotonic() - began
    assert night.returncode == 0, night.stderr
    tell(f"backup and trial within {took:.0f} s, {len(load.statuses)} requests meanwhile")
    assert set(load.statuses) == {200}
    assert machine.site.stack.health() == running
    left = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--filter", f"name={machine.site.stack.name}-trial"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert left.stdout == ""
    wait_until(lambda: _ages(machine).keys() == {"success", "trial"})
    assert max(_ages(machine).values()) < 300


def _ages(machine: Machine) -> dict[str, float]:
    found = machine.site.stack.query('{__name__=~"vigie_backup_last_.*"}')
    return {
        one["metric"]["__name__"].split("_")[3]: time.time() - float(one["value"][1])
        for one in found
    }


def test_a_backup_that_cannot_be_restored_fails_its_trial(machine: Machine, backup: Backup) -> None:
    folder = machine.folder / "bad"
    folder.mkdir()
    words = ["tar", "--directory", str(folder), "--file"]
    subprocess.run([*words, str(backup.file), "--extract"], check=True)
    # whole by its checksums, and yet no model in it can be loaded
    (folder / "empty" / "artifacts").mkdir(parents=True)
    subprocess.run(
        "tar --create --directory empty --file artifacts.tar artifacts && rm -r empty SHA256SUMS"
        " && sha256sum * > SHA256SUMS && tar --create --file ../bad.tar * && chmod 644 ../bad.tar",
        shell=True, cwd=folder, check=True,
    )  # fmt: skip
    tried = machine.tool("trial", str(machine.folder / "bad.tar"))
    assert tried.returncode == 1
    assert tried.stderr.splitlines()[-1].startswith(
        "vigie: everything is restored, but the stack is not healthy"
    )
