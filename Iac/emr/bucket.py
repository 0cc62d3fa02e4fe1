"""The bucket: code, models, photos, results, logs and notebooks; private and encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emr.account import found

if TYPE_CHECKING:
    from emr.account import Account

LOG_DAYS = 30
# what `down` takes away in any case: it can be made again from here
OWN = ("code/", "models/", "logs/")
_CLOSED = {
    "BlockPublicAcls": True, "IgnorePublicAcls": True,
    "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
}  # fmt: skip


def make(account: Account) -> None:
    """Makes the bucket where it is not, and sets it up anew."""
    s3, name = account.client("s3"), account.bucket
    if _is_there(account):
        _require_own(account)
    else:
        account.make(f"bucket {name}", s3.create_bucket, Bucket=name, **_place(account))
    for what, call, settings in _settings(account):
        account.make(f"bucket {name}: {what}", call, Bucket=name, **settings)


def upload(account: Account, files: Mapping[str, Path]) -> None:
    """Writes files under their keys."""
    s3 = account.client("s3")
    for key, path in files.items():
        account.make(
            f"s3://{account.bucket}/{key}",
            _write,
            s3,
            account.bucket,
            key,
            path,
        )


def remove(account: Account, contents: bool) -> bool:
    """Deletes what is ours in the bucket and, where nothing else is left, the bucket.

    Args:
        account: Where.
        contents: Delete photos, results and notebooks too.

    Returns:
        Whether the bucket is gone, or was not there.
    """
    if not _is_there(account):
        return True
    _require_own(account)
    s3, name = account.client("s3"), account.bucket
    for prefix in ("",) if contents else OWN:
        keys = list(_keys(s3, name, prefix))
        if keys:
            account.remove(
                f"s3://{name}/{prefix} ({len(keys)} objects)",
                _delete,
                s3,
                name,
                keys,
            )
    if not account.dry and next(_keys(s3, name, ""), None) is not None:
        return False
    account.remove(f"bucket {name}", s3.delete_bucket, Bucket=name)
    return True


def _is_there(account: Account) -> bool:
    head = account.client("s3").head_bucket
    return found(lambda: head(Bucket=account.bucket), "404", "NoSuchBucket") is not None


def _require_own(account: Account) -> None:
    read = account.client("s3").get_bucket_tagging
    tags = found(lambda: read(Bucket=account.bucket), "NoSuchTagSet") or {"TagSet": []}
    account.require_own(f"the bucket {account.bucket}", tags["TagSet"])


def _place(account: Account) -> dict[str, Any]:
    region = account.options.region
    # S3 refuses the name of its first region
    where = {} if region == "us-east-1" else {"LocationConstraint": region}
    return {"CreateBucketConfiguration": where} if where else {}


def _settings(account: Account) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    s3 = account.client("s3")
    yield "tags", s3.put_bucket_tagging, {"Tagging": {"TagSet": account.tags}}
    yield "never public", s3.put_public_access_block, {"PublicAccessBlockConfiguration": _CLOSED}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    encryption = {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}
    yield "encrypted (SSE-S3)", s3.put_bucket_encryption, encryption
    yield (
        f"logs for {LOG_DAYS} days",
        s3.put_bucket_lifecycle_configuration,
        {"LifecycleConfiguration": {"Rules": _lifecycle()}},
    )


def _lifecycle() -> list[dict[str, Any]]:
    return [
        {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
         "Expiration": {"Days": LOG_DAYS}},
        {"ID": "unfinished", "Status": "Enabled", "Filter": {"Prefix": ""},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]  # fmt: skip


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return (entry["Key"] for page in pages for entry in page.get("Contents", []))


def _write(s3: Any, bucket: str, key: str, path: Path) -> None:
    with path.open("rb") as file:
        s3.put_object(Bucket=bucket, Key=key, Body=file)


def _delete(s3: Any, bucket: str, keys: list[str]) -> None:
    for start in range(0, len(keys), 1000):
        batch = [{"Key": key} for key in keys[start : start + 1000]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
