"""The documentation names what there is, and nothing else."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from support.reference import GENERATED, page
from vigie.batch.metrics import RunMetrics
from vigie.batch.photos import BatchSummary
from vigie.cli.main import main
from vigie.monitoring.snapshots import merge, take_snapshot
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.metrics import Metrics
from vigie.serving.problems import PROBLEMS
from vigie.serving.worker_state import WorkerState, registry_families
from vigie.settings import GROUPS, variable_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LOCKED = re.compile(
    r"[\w.-]+(\[[\w,-]+\])?==[\w.+!-]+( ; ((?!--).)+?)?( +--hash=sha256:[0-9a-f]{64})+"
)
"""A requirement in one line: its version, where it holds, and at least one hash."""
READS = re.compile(r'os\.environ(?:\.get\(|\[)"(VIGIE_\w+)"')
TEST_SETTING = re.compile(r"VIGIE_TEST_\w+")


def read(name: str | Path) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def first_cells(text: str) -> set[str]:
    """What stands in back-quotes in the first column of the tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_setting_is_documented_with_its_meaning() -> None:
    text = read("settings.md")
    fields = [item for group in GROUPS.values() for item in group.model_fields.items()]
    assert first_cells(text) == {variable_of(name) for name, _ in fields}
    for name, field in fields:
        assert f"| `{variable_of(name)}` |" in text
        assert f"| {field.description} |" in text


def test_every_metric_is_documented_with_its_meaning() -> None:
    text = read("metrics.md")
    registry = registry_families(ModelCache(Path("absent")))
    ended = RunMetrics("weather", "1", BatchSummary(2, 1, 2, 1.0, whole=True)).registry()
    exported = merge([take_snapshot(Metrics().registry), registry])
    exported += [
        {"name": family.name, "type": family.type, "help": family.documentation}
        for family in ended.collect()
    ]
    night = (ROOT / "tools" / "nightly").read_text(encoding="utf-8")
    exported += [
        {"name": name, "type": "gauge", "help": text}
        for name, text in re.findall(r"^# HELP (\w+) (.*)$", night, re.MULTILINE)
    ]
    families = [family for family in exported if family["name"].startswith("vigie_")]
    names = {f["name"] + ("_total" if f["type"] == "counter" else "") for f in families}
    assert first_cells(text) == names
    for family in families:
        assert f"| {family['type']} | {family['help']} |" in text


def test_every_route_is_documented(shared_worker_state: WorkerState) -> None:
    app = create_app(worker_state=shared_worker_state)
    routes = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"}
    documented = {
        word.split(" ")[1]
        for word in first_cells(read("http.md"))
        if word.split(" ")[0] in ("GET", "POST")
    }
    assert documented == routes


def test_every_problem_type_is_documented() -> None:
    text = read("http.md")
    for code in PROBLEMS:
        assert f"`{code}`" in text


def test_every_make_task_is_documented() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    tasks = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    documented = {w.split()[1] for w in first_cells(read("commands.md")) if w.startswith("make")}
    assert documented == tasks


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_generated_is_as_make_docs_writes_it(name: str) -> None:
    assert read(name) == page(name), "stale: make docs"


@pytest.mark.parametrize("file", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=str)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", file.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (file.parent / target).exists(), target


def test_the_recipe_in_the_documentation_is_one() -> None:
    from vigie.recipes.tabular.spec import TableSpec

    (block,) = re.findall(r"```yaml\n(.*?)```", read("training.md"), re.DOTALL)
    assert TableSpec.model_validate(yaml.safe_load(block)).name == "flats"


def test_the_recipe_of_photos_in_the_documentation_names_every_key() -> None:
    from vigie.recipes.photos.spec import PhotoSpec, ReductionSpec

    blocks = re.findall(r"```yaml\n(.*?)```", read("training-photos.md"), re.DOTALL)
    tasks = [PhotoSpec.model_validate(yaml.safe_load(block)).task for block in blocks]
    assert tasks == ["classification", "embedding"]
    content = yaml.safe_load(blocks[0])
    spec = PhotoSpec.model_validate(content)
    assert content.keys() == PhotoSpec.model_fields.keys()
    for part in ("photos", "target", "network", "augmentation", "head", "neighbours"):
        assert content[part].keys() == type(getattr(spec, part)).model_fields.keys()
    # of these, one of both is given
    assert all(name in blocks[0] for name in ReductionSpec.model_fields)


def test_what_the_tests_are_told_reaches_them_and_is_documented() -> None:
    """All but `VIGIE_TEST_…` is taken out of the environment before the first test."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    asked = {name for text in texts for name in READS.findall(text)}
    documented = {name for page in DOCS.rglob("*.md") for name in TEST_SETTING.findall(read(page))}
    assert asked == documented
    assert all(TEST_SETTING.fullmatch(name) for name in asked)


def test_actions_are_pinned_by_commit() -> None:
    workflows = [*(ROOT / ".github" / "workflows").glob("*.y*ml")]
    assert workflows
    for workflow in workflows:
        used = re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8"))
        assert used
        assert all(re.search(r"@[0-9a-f]{40}$", action) for action in used)


def test_requirements_are_locked_and_name_no_index() -> None:
    folders = [ROOT / name for name in ("ml-app", "mlflow", "loadtest")]
    files = [path for folder in folders for path in folder.glob("require*.txt")]
    assert len(files) == 9
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text
        requirements = text.replace("\\\n", " ").splitlines()
        assert requirements
        assert [one for one in requirements if not LOCKED.fullmatch(one)] == []


def plain_blocks(page: str) -> list[str]:
    """The blocks of a page that are of no language: what is typed, and what comes of it."""
    blocks = read(page).split("```")[1::2]
    return [block.removeprefix("\n") for block in blocks if block.startswith("\n")]


def curl_calls(page: str) -> list[tuple[str, bytes, dict[str, str], str]]:
    """The path, body and headers of every `curl` of a page, and the answer below it."""
    calls = []
    for block in plain_blocks(page):
        for command, answer in re.findall(r"\$ curl (.*?)\n(\{.*?)\n", block, re.DOTALL):
            words = shlex.split(command.replace("\\\n", "").replace("$'", "'"))
            options = dict(zip(words[0:-1:2], words[1:-1:2], strict=True))
            body = options.get("-d") or options["--data-binary"].replace("\\n", "\n")
            name, _, value = options.get("-H", "Accept: */*").partition(": ")
            path = "/" + words[-1].split("/", 1)[1]
            calls.append((path, body.encode(), {name: value}, answer))
    return calls


@pytest.mark.parametrize(
    ("page", "count"),
    [("dialects.md", 5), ("coming-from-mlflow-serve.md", 3), ("coming-from-a-flask-script.md", 2)],
)
def test_the_calls_of_a_page_are_answered_as_shown(
    page: str, count: int, shared_worker_state: WorkerState
) -> None:
    client = create_app(worker_state=shared_worker_state).test_client()
    calls = curl_calls(page)
    assert len(calls) == count
    for path, body, headers, answer in calls:
        form = "application/x-www-form-urlencoded"
        response = client.post(path, data=body, headers={"Content-Type": form} | headers)
        said = re.sub(r'"request_id":"[0-9a-f]{32}"', '"request_id":"…"', response.text)
        assert said == answer, path


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("coming-from-*.md")))
def test_the_commands_of_those_who_come_are_ours(page: str) -> None:
    typed = [line for block in plain_blocks(page) for line in block.splitlines()]
    lines = [line for line in typed if line.startswith("vigie ")]
    assert lines
    for line in lines:
        # the file of rows is nobody's
        _, name, *words = shlex.split(line.removesuffix(" &").replace("--examples rows.json", ""))
        assert main.commands[name].make_context(name, words).params is not None
