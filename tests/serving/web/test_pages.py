"""Pages for people: the form, its results and errors, the documentation."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from markupsafe import escape
from werkzeug.test import TestResponse

from support.packages import housing_document, install, iris_document
from support.worker import loaded, settings_for
from vigie.errors import DeadlineExceeded, ModelFailure, Unavailable
from vigie.models.document import PackageDocument
from vigie.models.model_input import Input
from vigie.registry.cache import CHALLENGER, ModelCache
from vigie.serving.app import create_app
from vigie.serving.problems import PROBLEMS
from vigie.serving.web.form import fields_of, read_number, read_row, what_to_enter
from vigie.serving.web.language import languages
from vigie.serving.web.render import code_spans
from vigie.serving.web.result import result_of
from vigie.serving.worker_state import assemble
from vigie.settings import load_settings

Browse = Callable[..., FlaskClient]
HOME = {"surface_m2": "54", "rooms": "3", "property_type": "apartment", "district": "2"}
EN, FR = languages()["en"], languages()["fr"]
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """A browser on a service that holds the named test models."""

    def open_browser(*names: str, documents: dict[str, Any] | None = None) -> FlaskClient:
        cache = ModelCache(tmp_path / "cache")
        for name in names:
            install(cache, name, document=(documents or {}).get(name))
        settings = load_settings(
            cache=tmp_path / "cache",
            state=tmp_path / "state",
            models=("housing", "iris"),
            grafana_public_url="http://grafana.example:3000",
        )
        worker_state = assemble(settings)
        worker_state.manager.refresh()
        app = create_app(worker_state=worker_state)
        app.jinja_env.undefined = StrictUndefined
        client = app.test_client()
        client.environ_base["HTTP_ACCEPT"] = HTML
        return client

    return open_browser


@pytest.fixture
def client(browse: Browse) -> FlaskClient:
    return browse("housing", "iris")


class _Page(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def by_id(self, wanted: str) -> dict[str, str | None]:
        return next(attrs for _, attrs in self.tags if attrs.get("id") == wanted)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(response: TestResponse) -> _Page:
    return _Page(response.text)


def words(response: TestResponse) -> str:
    """The visible text, white space folded to single plain spaces."""
    text = re.sub(r"<[^>]+>", " ", response.text)
    return re.sub(r"\s+", " ", unescape(text))


def curl_of(response: TestResponse) -> tuple[str, dict[str, Any]]:
    """Address and body of the command on a page, split as a shell splits them."""
    shown = re.search(r'<code id="curl">(.*?)</code>', response.text, re.DOTALL)
    assert shown is not None
    parts = shlex.split(unescape(shown.group(1)))
    assert parts[0] == "curl"
    return parts[2], json.loads(parts[parts.index("-d") + 1])


# --- the form


def test_form_has_a_labelled_field_for_each_input(client: FlaskClient) -> None:
    response = client.get("/")
    page = page_of(response)
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    labelled = {label["for"] for label in page.all("label")}
    for name in ("surface_m2", "rooms", "property_type", "land_m2", "district"):
        assert f"field-{name}" in labelled
        assert page.by_id(f"field-{name}")["name"] == name
    assert page.by_id("field-surface_m2")["value"] == "54"
    assert page.by_id("field-surface_m2")["inputmode"] == "decimal"
    assert "required" in page.by_id("field-rooms")
    assert "required" not in page.by_id("field-land_m2")
    assert page.by_id("field-district")["list"] == "choices-district"
    described = str(page.by_id("field-rooms")["aria-describedby"])
    assert page.by_id(described) is not None
    assert "Seen in training: 1 to 9." in words(response)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Home price", "Living area", "Flat", "Empty for a flat.", "(optional)", "Predict"]),
        (
            "fr",
            ["Prix d'un logement", "Surface habitable", "Appartement", "(facultatif)", "Prédire"],
        ),
    ],
)
def test_form_speaks_both_languages(
    client: FlaskClient, language: str, expected: list[str]
) -> None:
    response = client.get(f"/?lang={language}")
    assert page_of(response).all("html")[0]["lang"] == language
    assert response.headers["Content-Language"] == language
    for text in expected:
        assert text in words(response)


@pytest.mark.parametrize(
    ("accepts", "language"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.5", "fr"),
        ("de", "en"),
        ("en-GB,fr;q=0.8", "en"),
        ("", "en"),
        ("*", "en"),
        ("fr;q=0", "en"),
    ],
)
def test_language_follows_the_browser(client: FlaskClient, accepts: str, language: str) -> None:
    response = client.get("/", headers={"Accept-Language": accepts})
    assert page_of(response).all("html")[0]["lang"] == language
    assert "Accept-Language" in response.headers["Vary"]


def test_asked_language_wins_and_stays(client: FlaskClient) -> None:
    response = client.get("/?lang=fr", headers={"Accept-Language": "en"})
    page = page_of(response)
    assert page.by_id("values")["action"] == "/models/housing?lang=fr"
    targets = {link.get("href") for link in page.all("a")}
    assert {"/docs?lang=fr", "/models/iris?lang=fr", "/?lang=en"} <= targets
    assert client.get("/?lang=xx").headers["Content-Language"] == "en"


def test_links_to_the_other_parts(client: FlaskClient) -> None:
    targets = {link.get("href") for link in page_of(client.get("/")).all("a")}
    assert {"/openapi.json", "http://127.0.0.1:5001", "http://grafana.example:3000"} <= targets
    assert "/status?lang=en" in targets


def test_every_local_link_and_asset_answers(client: FlaskClient) -> None:
    for start in ("/", "/docs", "/status", "/models/iris?lang=fr"):
        page = page_of(client.get(start))
        for attrs in [*page.all("a"), *page.all("link")]:
            target = str(attrs["href"])
            if target.startswith("/"):
                with client.get(target.split("#")[0]) as response:
                    assert response.status_code == 200, target


def test_pages_keep_to_their_content_policy(client: FlaskClient) -> None:
    answered = client.post("/models/housing", data=HOME)
    for response in (client.get("/"), client.get("/docs"), answered):
        page = page_of(response)
        assert not page.all("script")
        assert not page.all("style")
        assert not any("style" in attrs for _, attrs in page.tags)
        assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_head_answers_without_a_body(client: FlaskClient) -> None:
    for path in ("/", "/models/iris", "/docs"):
        response = client.head(path)
        assert response.status_code == 200
        assert response.data == b""


def test_about_tells_where_the_model_comes_from(client: FlaskClient) -> None:
    text = words(client.get("/"))
    assert "made for a test" in text
    assert "Mean absolute error €10,000" in text


def test_generated_data_is_called_so(client: FlaskClient) -> None:
    answered = client.post("/?lang=fr", data=HOME)
    assert "not on real sales" in words(client.get("/"))
    assert "pas sur des ventes réelles" in words(answered)
    assert "not on real sales" not in words(client.get("/models/iris"))


# --- the result


def test_result_shows_the_estimate(client: FlaskClient) -> None:
    response = client.post("/models/housing?lang=en", data=HOME)
    assert response.status_code == 200
    assert "€166,000" in words(response)
    assert page_of(response).by_id("field-surface_m2")["value"] == "54"
    assert response.headers["X-Model-Version"] == "1"
    assert response.headers["X-Request-Id"] in words(response)
    assert response.headers["Cache-Control"] == "no-store"


def test_the_result_names_the_version_that_answered(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    digests = []
    for version, factor in (("1", 1.0), ("2", 1.2)):
        install(cache, "housing", version, factor)
        installed = cache.champion("housing")
        assert installed is not None
        digests.append(installed.digest)
    cache.point("housing", digests[0])
    cache.point("housing", digests[1], CHALLENGER)
    settings = settings_for(cache, tmp_path / "state", models=("housing",), canary_share=1.0)
    client = create_app(worker_state=loaded(settings)).test_client()
    assert "Serving version 1" in words(client.get("/?lang=en"))
    response = client.post("/?lang=en", data=HOME)
    assert response.headers["X-Model-Version"] == "2"
    assert "Model version 2 " in words(response)


def test_french_result_is_written_in_french(client: FlaskClient) -> None:
    response = client.post("/?lang=fr", data=HOME | {"surface_m2": "54,5"})
    assert "167 500 €" in words(response)
    assert page_of(response).by_id("field-surface_m2")["value"] == "54,5"
    assert curl_of(response)[1]["instances"][0]["surface_m2"] == 54.5


def test_empty_optional_fields_are_left_out(client: FlaskClient) -> None:
    response = client.post("/models/housing", data=HOME | {"land_m2": " ", "district": ""})
    assert response.status_code == 200
    row = curl_of(response)[1]["instances"][0]
    assert row == {"surface_m2": 54, "rooms": 3, "property_type": "apartment"}


def test_curl_line_gets_the_same_answer(client: FlaskClient) -> None:
    response = client.post(
        "/models/housing", data=HOME, headers={"Host": "vigie.example:5000", "X-Request-Id": "a-1"}
    )
    address, body = curl_of(response)
    assert address == "http://vigie.example:5000/predict/housing"
    answer = client.post("/predict/housing", json=body).get_json()
    assert f"€{answer['predictions'][0]['price_eur']:,.0f}" in words(response)
    assert response.headers["X-Request-Id"] == "a-1"


def test_curl_line_is_safe_to_paste(browse: Browse) -> None:
    document = housing_document()
    kind = {**document["inputs"][2], "choices": {"values": ["house"], "policy": "open"}}
    inputs = [*document["inputs"][:2], kind, *document["inputs"][3:]]
    client = browse("housing", documents={"housing": {**document, "inputs": inputs}})
    nasty = "'; rm -rf / #$(id)`id`\"\\<b>"
    response = client.post("/", data=HOME | {"property_type": nasty})
    assert response.status_code == 200
    assert curl_of(response)[1]["instances"][0]["property_type"] == nasty
    assert "<b>" not in response.text


def test_interval_is_told_and_drawn() -> None:
    document = PackageDocument.model_validate(housing_document() | {"interval": {"level": 0.9}})
    prediction = {"price_eur": 247300.0, "interval": [201000.0, 304000.0]}
    result = result_of(document, prediction, [], FR)
    assert FR.quantity(247300.0, "EUR", 2) == result.headline == "247\u202f300\u00a0€"
    assert "90\u00a0%" in result.interval
    assert "201\u202f000\u00a0€ et 304\u202f000\u00a0€" in result.interval
    assert result.bar is not None
    assert result.bar.start < result.bar.mark < result.bar.start + result.bar.width
    assert "90% of comparable cases" in result_of(document, prediction, [], EN).interval


def test_values_never_seen_are_warned_about(client: FlaskClient) -> None:
    odd = HOME | {"surface_m2": "900", "district": "77"}
    assert "Living area: outside the range seen in training (12 to 240)." in words(
        client.post("/?lang=en", data=odd)
    )
    assert "Quartier : valeur jamais vue" in words(client.post("/?lang=fr", data=odd))


def test_classification_shows_label_and_scores(browse: Browse) -> None:
    texts = {"setosa": {"en": "Bristle iris", "fr": "Iris soyeux"}}
    document = iris_document() | {"label_texts": texts}
    client = browse("iris", documents={"iris": document})
    data = dict.fromkeys((item["name"] for item in document["inputs"]), "1.5")
    response = client.post("/models/iris?lang=fr", data=data)
    answer = client.post("/predict/iris", json=curl_of(response)[1]).get_json()["predictions"][0]
    assert "Iris soyeux" in words(response)
    for score in answer["scores"].values():
        assert f"{100 * score:.1f} %".replace(".", ",") in words(response)


def test_other_tasks_get_a_table_of_outputs() -> None:
    document = PackageDocument.model_validate(
        housing_document()
        | {
            "task": "embedding",
            "outputs": [{"name": "place", "label": "Place", "tensor": "place", "shape": [12]}],
        }
    )
    result = result_of(document, {"place": [0.5] * 12}, [], EN)
    assert result.headline == ""
    assert result.outputs == [("Place", "12 numbers: " + "; ".join(["0.5"] * 8) + "; …")]


def test_a_form_post_counts_as_a_page_and_as_a_prediction(client: FlaskClient) -> None:
    client.post("/models/housing", data=HOME)
    text = client.get("/metrics").text
    for route in ("/models/<model>", "/predict/<model>"):
        line = f'vigie_http_requests_total{{code="200",method="POST",route="{route}"}} 1.0'
        assert line in text


# --- what is wrong


def test_errors_stand_beside_their_fields(client: FlaskClient) -> None:
    typed = {"surface_m2": "big", "rooms": "99", "property_type": "castle", "land_m2": "-5"}
    response = client.post("/models/housing?lang=en", data=typed)
    page = page_of(response)
    assert response.status_code == 422
    expected = {
        "surface_m2": "Enter a number from 9 to 1000.",
        "rooms": "Enter a whole number from 1 to 50.",
        "property_type": "Choose a value from the list.",
        "land_m2": "Enter a number from 0 to 100,000, or leave it empty.",
    }
    targets = {link.get("href") for link in page.all("a")}
    for name, sentence in expected.items():
        assert f'id="error-{name}">{sentence}</p>' in response.text
        assert f"#field-{name}" in targets
        assert page.by_id(f"field-{name}")["aria-invalid"] == "true"
        assert f"error-{name}" in str(page.by_id(f"field-{name}")["aria-describedby"])
    assert page.by_id("field-surface_m2")["value"] == "big"
    assert page.by_id("field-rooms")["value"] == "99"
    assert "aria-invalid" not in page.by_id("field-district")
    assert response.headers["X-Model-Version"] == "1"


def test_errors_are_told_in_french(client: FlaskClient) -> None:
    text = words(client.post("/?lang=fr", data=HOME | {"rooms": "1,5", "surface_m2": ""}))
    assert "Entrez un nombre entier de 1 à 50." in text
    assert "Entrez un nombre de 9 à 1000." in text


def test_an_empty_form_names_every_required_field(client: FlaskClient) -> None:
    response = client.post("/models/housing", data={})
    assert response.status_code == 422
    assert response.text.count('class="error"') == 3


@pytest.mark.parametrize("field", ["surface_m2", "property_type", "district"])
def test_markup_is_never_echoed(client: FlaskClient, field: str) -> None:
    attack = '"><script>alert(1)</script>{{7*7}}'
    response = client.post("/models/housing", data=HOME | {field: attack})
    assert response.status_code == 422
    assert "<script" not in response.text
    assert "49" not in words(response).split()


def test_markup_in_addresses_is_never_echoed(client: FlaskClient) -> None:
    for path in ("/models/<script>x", "/docs/errors/<script>x", "/?lang=<script>x"):
        assert "<script" not in client.get(path).text
        assert "<script" not in client.post(path, data=HOME).text


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Unavailable("The service is full; try again soon.", "full"), 503),
        (DeadlineExceeded("The deadline passed."), 504),
        (ModelFailure("The model failed on this input.", "internal"), 500),
        (RuntimeError("secret path /etc"), 500),
    ],
)
def test_failures_keep_the_values(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: int
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("vigie.serving.runtime.model_slot.ModelSlot.run", fail)
    response = client.post("/models/housing?lang=fr", data=HOME)
    assert response.status_code == status
    assert page_of(response).by_id("field-surface_m2")["value"] == "54"
    assert 'role="alert"' in response.text
    assert response.headers["X-Request-Id"] in words(response)
    assert "secret" not in response.text
    assert (response.headers.get("Retry-After") is not None) == (status == 503)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_model_is_not_found(client: FlaskClient, method: str) -> None:
    response = client.open("/models/nothing", method=method, data=HOME)
    assert response.status_code == 404
    assert response.content_type == "text/html; charset=utf-8"
    assert response.headers["X-Request-Id"] in words(response)


def test_error_page_says_how_to_go_on(client: FlaskClient) -> None:
    response = client.delete("/models/housing?lang=fr")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert "Méthode non autorisée" in words(response)


def test_json_is_not_a_form(client: FlaskClient) -> None:
    assert client.post("/models/housing", json={"rooms": 3}).status_code == 415


@pytest.mark.parametrize("path", ["/", "/models/housing"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_model_the_page_says_what_to_do(browse: Browse, path: str, method: str) -> None:
    response = browse().open(path, method=method, data=HOME)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "What to do" in words(response)
    assert "no verified version in the cache yet" in words(response)


def test_the_first_ready_model_is_shown(browse: Browse) -> None:
    client = browse("iris")
    response = client.get("/")
    assert page_of(response).by_id("values")["action"] == "/models/iris?lang=en"
    assert client.get("/models/housing").status_code == 503


# --- documentation


@pytest.mark.parametrize("language", ["en", "fr"])
def test_documentation_lists_everything(client: FlaskClient, language: str) -> None:
    response = client.get(f"/docs?lang={language}")
    page, text = page_of(response), words(response)
    for document in (housing_document(), iris_document()):
        assert f"/predict/{document['name']}" in text
        for item in document["inputs"]:
            assert f"<code>{item['name']}</code>" in response.text
    for code in PROBLEMS:
        assert page.by_id(f"error-{code}") is not None
        meaning = languages()[language].text(PROBLEMS[code].meaning)
        assert " ".join(meaning.replace("`", " ").split()) in text
    for route in ("/livez", "/readyz", "/v1/models"):
        assert route in text


def test_documented_commands_get_the_documented_answers(client: FlaskClient) -> None:
    text = client.get("/docs").text
    commands = re.findall(r'<code class="curl">(.*?)</code>', text, re.DOTALL)
    answers = re.findall(
        r'<pre tabindex="0" aria-label="Answer"><code>(.*?)</code>', text, re.DOTALL
    )
    assert len(commands) == len(answers) == 2
    for command, answer in zip(commands, answers, strict=True):
        parts = shlex.split(unescape(command))
        said = client.post(parts[2].removeprefix("http://localhost"), data=parts[-1]).get_json()
        shown = json.loads(unescape(answer))
        assert said["predictions"] == shown["predictions"]
        assert said["version"] == shown["version"]


def test_documentation_without_a_model(browse: Browse) -> None:
    response = browse().get("/docs")
    assert response.status_code == 200
    assert "No model is ready yet" in words(response)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_type_has_a_page(client: FlaskClient, code: str, language: str) -> None:
    response = client.get(f"/docs/errors/{code}?lang={language}")
    assert response.status_code == 200
    t, problem = languages()[language].text, PROBLEMS[code]
    assert f"<h1>{escape(t(problem.heading))}</h1>" in response.text
    assert str(code_spans(t(problem.meaning))) in response.text


def test_other_problem_types_are_not_found(client: FlaskClient) -> None:
    assert client.get("/docs/errors/nothing").status_code == 404


# --- from text to values


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("54", "en", 54),
        ("54,5", "fr", 54.5),
        ("54,5", "en", 54.5),
        ("1,234.5", "en", 1234.5),
        ("1,234", "en", 1234),
        ("1,234", "fr", 1.234),
        ("1 234,5", "fr", 1234.5),
        ("1\u202f234\u00a0567", "fr", 1234567),
        ("\N{MINUS SIGN}1,77", "fr", -1.77),
        ("1e3", "en", 1000.0),
        (".5", "en", 0.5),
        ("5 4", "en", "5 4"),
        ("1.234.567", "en", "1.234.567"),
        ("nan", "en", "nan"),
        ("Infinity", "en", "Infinity"),
        ("1e999", "en", "1e999"),
        ("0x10", "en", "0x10"),
        ("1_000", "en", "1_000"),
        ("٣", "en", "٣"),
        ("9" * 5000, "en", "9" * 5000),
        ("9" * 30, "en", float("9" * 30)),
    ],
)
def test_numbers_as_people_type_them(text: str, language: str, value: object) -> None:
    read = read_number(text, languages()[language])
    assert read == value
    assert type(read) is type(value)


def vector(**changes: Any) -> Input:
    return Input.model_validate(
        {"name": "v", "label": "V", "dtype": "float32", "tensor": "float32"}
        | {"shape": [2, 2], "example": [[1.5, 2], [3, 4]]}
        | changes
    )


def test_lists_are_one_field() -> None:
    item = vector()
    assert fields_of([item], None, {}, EN)[0].value == "1.5, 2, 3, 4"
    assert fields_of([item], None, {}, FR)[0].value == "1,5; 2; 3; 4"
    nested = {"v": [[1.5, 2], [3, 4]]}
    assert read_row([item], {"v": "1.5, 2, 3, 4"}, EN) == nested
    assert read_row([item], {"v": "1,5; 2; 3; 4"}, FR) == nested
    assert read_row([item], {"v": "1, x"}, EN) == {"v": [1, "x"]}
    assert what_to_enter(item, EN) == "Enter 4 values, separated by commas."


def test_integer_choices_keep_their_spelling() -> None:
    item = Input.model_validate(
        {"name": "v", "label": "V", "dtype": "int64", "tensor": "string", "example": 1}
        | {"choices": {"values": ["1", "075"]}}
    )
    assert read_row([item], {"v": "1"}, EN) == {"v": 1}
    assert read_row([item], {"v": "075"}, EN) == {"v": "075"}
    assert read_row([item], {"v": "9" * 100}, EN) == {"v": "9" * 100}


def test_limits_on_one_side() -> None:
    assert what_to_enter(vector(shape=[], example=1, limits=[0, None]), EN) == (
        "Enter a number of at least 0."
    )
    assert what_to_enter(vector(shape=[], example=1, limits=[None, 2.5]), FR) == (
        "Entrez un nombre d'au plus 2,5."
    )


@pytest.mark.parametrize(
    ("value", "unit", "language", "text"),
    [
        (-1234.5, "EUR", "en", "-€1,234"),
        (12.345, "kWh", "fr", "12,35\u00a0kWh"),
        (0.5, None, "en", "0.50"),
    ],
)
def test_quantities(value: float, unit: str | None, language: str, text: str) -> None:
    assert languages()[language].quantity(value, unit, 2) == text


def test_dates() -> None:
    assert FR.date("2026-07-01T10:00:00+00:00") == "1 juillet 2026"
    assert EN.date("2026-07-02") == "2 July 2026"
    assert EN.date("last week") == "last week"
