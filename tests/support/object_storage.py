"""Servers of object storage on this machine: moto's for S3, fake-gcs-server for Google's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import requests

from support.ports import free_port
from support.waiting import wait_until

TOOLS = Path(__file__).parents[2] / ".tools"
CONNECTORS = TOOLS / "connectors"
FAKE_GCS = TOOLS / "bin" / "fake-gcs-server"
BUCKET = "fruits"
KEY = "AKIAVIGIETESTKEY0001"
SECRET = "vigie/test/secret/0123456789abcdef"


@dataclass(frozen=True)
class Bucket:
    """A bucket of a server.

    Attributes:
        root: Its URI.
        address: Of the server.
        conf: Where Spark finds the server; no key is in it.
        environment: Where the keys are.
    """

    root: str
    address: str
    conf: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)

    def upload(self, folder: Path, prefix: str) -> None:
        """Writes the files of a folder below a prefix."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def download(self, prefix: str, folder: Path) -> None:
        """Copies what is below a prefix into a folder."""
        for key in self._keys(prefix):
            if not key.endswith("/"):
                path = folder / key.removeprefix(prefix).lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self._get(key))

    def put(self, key: str, content: bytes) -> None:
        """Writes one object."""
        if self._is_s3:
            self._client().put_object(Bucket=BUCKET, Key=key, Body=content)
            return
        requests.post(
            f"{self.address}/upload/storage/v1/b/{BUCKET}/o",
            params={"uploadType": "media", "name": key}, data=content, timeout=30,
        ).raise_for_status()  # fmt: skip

    def _keys(self, prefix: str) -> list[str]:
        if self._is_s3:
            pages = self._client().get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=BUCKET, Prefix=prefix)
            return [entry["Key"] for page in found for entry in page.get("Contents", [])]
        answer = requests.get(
            f"{self.address}/storage/v1/b/{BUCKET}/o", params={"prefix": prefix}, timeout=30
        )
        return [entry["name"] for entry in answer.json().get("items", [])]

    def _get(self, key: str) -> bytes:
        if self._is_s3:
            content: bytes = self._client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
            return content
        name = quote(key, safe="")
        answer = requests.get(
            f"{self.address}/storage/v1/b/{BUCKET}/o/{name}", params={"alt": "media"}, timeout=30
        )
        answer.raise_for_status()
        return answer.content

    @property
    def _is_s3(self) -> bool:
        return self.root.startswith("s3a:")

    def _client(self) -> Any:
        return boto3.client(
            "s3", endpoint_url=self.address, region_name="us-east-1",
            aws_access_key_id=KEY, aws_secret_access_key=SECRET,
        )  # fmt: skip


@contextmanager
def s3(folder: Path) -> Iterator[Bucket]:
    """A bucket of moto's server, which takes requests that a key has signed."""
    port = free_port()
    program = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1"]
    with _server([*program, "-p", str(port)], port, "/moto-api/", folder / "moto.log") as address:
        requests.put(f"{address}/{BUCKET}", timeout=30).raise_for_status()
        conf = {
            "spark.hadoop.fs.s3a.endpoint": address,
            "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
            "spark.hadoop.fs.s3a.path.style.access": "true",
        }
        environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        yield Bucket(f"s3a://{BUCKET}", address, conf, environment)


@contextmanager
def judged(bucket: Bucket, *allowed: str) -> Iterator[dict[str, str]]:
    """The keys of a user who may do what is allowed, such as `s3:GetObject`, and nothing else.

    From here on the server refuses what nobody has allowed, as Amazon does.
    """
    iam = boto3.client(
        "iam", endpoint_url=bucket.address, region_name="us-east-1",
        aws_access_key_id=KEY, aws_secret_access_key=SECRET,
    )  # fmt: skip
    iam.create_user(UserName="ada")
    if allowed:
        statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=policy)
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    _set_unjudged(bucket, "0")
    try:
        yield {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
    finally:
        _set_unjudged(bucket, "inf")


def _set_unjudged(bucket: Bucket, requests_more: str) -> None:
    requests.post(
        f"{bucket.address}/moto-api/reset-auth", data=requests_more, timeout=30
    ).raise_for_status()


@contextmanager
def gcs(folder: Path) -> Iterator[Bucket]:
    """A bucket of fake-gcs-server, which asks for no key."""
    port = free_port()
    program = [str(FAKE_GCS), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    program += ["-backend", "memory", "-public-host", f"127.0.0.1:{port}"]
    with _server(program, port, "/storage/v1/b?project=x", folder / "gcs.log") as address:
        made = requests.post(
            f"{address}/storage/v1/b", params={"project": "x"}, json={"name": BUCKET}, timeout=30
        )
        made.raise_for_status()
        conf = {
            "spark.hadoop.fs.gs.impl": "com.google.cloud.hadoop.fs.gcs.GoogleHadoopFileSystem",
            "spark.hadoop.fs.gs.storage.root.url": f"{address}/",
            "spark.hadoop.fs.gs.auth.service.account.enable": "false",
            "spark.hadoop.fs.gs.auth.null.enable": "true",
        }
        yield Bucket(f"gs://{BUCKET}", address, conf)


def why_not_here() -> str | None:
    """Why the drills of object storage cannot run here; None: they can."""
    if not any(CONNECTORS.glob("hadoop-aws-*.jar")) or shutil.which(str(FAKE_GCS)) is None:
        return "connectors and fake-gcs-server are not in .tools"
    return None


@contextmanager
def _server(program: list[str], port: int, path: str, log: Path) -> Iterator[str]:
    address = f"http://127.0.0.1:{port}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    with log.open("wb") as file, subprocess.Popen(
        program, stdout=file, stderr=file, env=environment
    ) as process:  # fmt: skip
        try:
            wait_until(lambda: _answers(f"{address}{path}"))
            yield address
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
