"""The stack of a public machine: TLS, keys, accounts; here on loopback."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Iterator

import orjson
import pytest

from support.compose import HOUSE
from support.site import DOMAIN, Site, production

QUOTA = 60
BODY = orjson.dumps({"instances": [HOUSE]})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with production(folder, {"VIGIE_REQUESTS_PER_MINUTE": str(QUOTA)}) as made:
        made.stack.up()
        yield made


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    return site.add_key("tests")


def test_callers_need_a_key(site: Site, key: str) -> None:
    status, headers, _ = site.ask("POST", "/predict/housing", BODY)
    assert status == 401
    assert "max-age" in headers["strict-transport-security"]
    status, _, body = site.ask("POST", "/predict/housing", BODY, Authorization=f"Bearer {key}")
    assert status == 200, body
    assert orjson.loads(body)["predictions"][0]["price_eur"] > 0
    assert site.ask("GET", "/readyz")[0] == 200
    assert site.ask("GET", "/metrics", Authorization=f"Bearer {key}")[0] == 404


def test_plain_http_is_sent_to_tls(site: Site) -> None:
    port = int(site.stack.environment["HTTP_PORT"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/docs", headers={"Host": DOMAIN})
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 308
    assert answer.getheader("Location") == f"https://{DOMAIN}/docs"


def test_another_name_is_not_served(site: Site, key: str) -> None:
    status, _, body = site.ask("GET", "/docs", host="evil.example.org", X_Api_Key=key)
    assert status == 421
    assert b"Vigie" not in body


def test_old_tls_is_refused(site: Site) -> None:
    site_port = int(site.stack.environment["HTTPS_PORT"])
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", site_port), 10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(plain)


def test_mlflow_asks_for_an_account(site: Site) -> None:
    search = "/mlflow/api/2.0/mlflow/registered-models/search"
    assert site.ask("GET", search)[0] == 401
    for path in ("/mlflow/", "/mlflow/metrics", "/mlflow/ajax-api/3.0/jobs"):
        assert site.ask("GET", path)[0] in {401, 403, 404}, path
    status, _, body = site.ask("GET", search, Authorization=site.administrator())
    assert status == 200, body
    names = {one["name"] for one in orjson.loads(body)["registered_models"]}
    assert names == {"housing", "iris"}
    guessed = base64.b64encode(b"admin:admin").decode()
    assert site.ask("GET", search, Authorization=f"Basic {guessed}")[0] == 401


def test_a_second_up_finds_the_accounts_as_they_are(site: Site) -> None:
    site.stack.up()
    assert site.ask("GET", "/readyz")[0] == 200


def test_only_the_gateway_has_public_ports(site: Site) -> None:
    services = site.stack.config()["services"]
    public = {
        name
        for name, service in services.items()
        for port in service.get("ports", [])
        if name == "gateway" or port["host_ip"] != "127.0.0.1"
    }
    assert public == {"gateway"}
    assert {p["target"] for p in services["gateway"]["ports"]} == {8080, 8443}


def test_a_caller_over_its_quota_waits(site: Site) -> None:
    greedy = site.add_key("greedy")
    statuses = [
        site.ask("POST", "/predict/housing", BODY, X_Api_Key=greedy)[0] for _ in range(QUOTA + 5)
    ]
    assert statuses[-1] == 429
    assert 429 not in statuses[: QUOTA // 2]
    status, headers, body = site.ask("POST", "/predict/housing", BODY, X_Api_Key=greedy)
    assert status == 429
    assert int(headers["retry-after"]) > 0
    assert orjson.loads(body)["status"] == 429
