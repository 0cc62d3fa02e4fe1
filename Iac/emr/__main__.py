"""The command: `tools/emr up`, `down` and `tunnel`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError

from emr import bucket, budget, cluster, network, roles
from emr.account import Account
from emr.code import build_wheel, code_files, model_files
from emr.options import MACHINES, Options, Refused, Step
from emr.tunnel import tunnel_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0 where it did what it should, else 1 and one sentence."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except Refused as refused:
        print(f"vigie: {refused}", file=sys.stderr)  # noqa: T201
    except ClientError as error:
        told = error.response["Error"]
        print(f"vigie: AWS refused: {told['Code']}: {told['Message']}", file=sys.stderr)  # noqa: T201
    except BotoCoreError as error:
        print(f"vigie: AWS cannot be asked: {error}", file=sys.stderr)  # noqa: T201
    return 1


def up(given: argparse.Namespace) -> int:
    """Makes everything, or says what it would make; what is there already stays."""
    with tempfile.TemporaryDirectory(prefix="vigie-emr-") as folder:
        account = _account(given, _options(given))
        files = (
            {} if given.model is None or "://" in given.model else model_files(Path(given.model))
        )
        wheel = Path(given.wheel) if given.wheel else build_wheel(Path(folder))
        groups = network.make(account)
        bucket.make(account)
        bucket.upload(account, code_files(wheel) | files)
        roles.make(account)
        budget.make(account)
        cluster.make(account, groups)
    return 0


def down(given: argparse.Namespace) -> int:
    """Takes everything away; photos, results and notebooks only where that is said."""
    account = _account(given, Options(name=given.name, region=given.region))
    cluster.remove(account)
    network.remove(account)
    roles.remove(account)
    budget.remove(account)
    if not bucket.remove(account, given.delete_contents):
        account.say(
            f"  bucket {account.bucket} stays, with photos, results or notebooks: --delete-contents"
        )
    return 0


def tunnel(given: argparse.Namespace) -> int:
    """Holds the tunnel open until Ctrl-C."""
    account = _account(given, Options(name=given.name, region=given.region))
    command = tunnel_command(account, given.port, given.identity)
    account.say(f"JupyterHub: https://localhost:{given.port}")
    if given.dry_run:
        account.say(" ".join(command))
        return 0
    # its certificate is of its own making: the browser asks
    return subprocess.run(command, check=False).returncode


def _account(given: argparse.Namespace, options: Options) -> Account:
    session = Session(region_name=options.region)
    if session.get_credentials() is None:
        raise Refused("AWS does not know you: `aws configure sso`, or AWS_PROFILE")
    return Account(session, options, given.dry_run)


def _options(given: argparse.Namespace) -> Options:
    return Options(
        name=given.name, region=given.region, subnet=given.subnet, release=given.release,
        worker=given.worker, workers=given.workers, idle_minutes=given.idle_minutes,
        budget=given.budget, email=given.email, key=given.key, ssh_from=given.ssh_from,
        keep=given.keep, step=_step(given),
    )  # fmt: skip


def _step(given: argparse.Namespace) -> Step | None:
    wanted = (given.model, given.source, given.target)
    if not any(wanted):
        return None
    if not all(wanted):
        raise Refused("--model, --input and --output go together")
    model = given.model
    if "://" not in model:
        # the folder is written there
        account = _account(given, Options(name=given.name, region=given.region))
        model = f"s3a://{account.bucket}/models/{Path(model).name}"
    for uri in (model, given.source, given.target):
        if not uri.startswith("s3a://"):
            raise Refused(f"{uri} is not in S3: s3a://BUCKET/FOLDER")
    return Step(model, given.source, given.target, given.components)


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--name", default=Options.name, help="first part of every name")
    shared.add_argument("--region", default=os.environ.get("AWS_REGION", Options.region))
    shared.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser = argparse.ArgumentParser(prog="emr", description=sys.modules["emr"].__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", parents=[shared], help=up.__doc__))
    take = commands.add_parser("down", parents=[shared], help=down.__doc__)
    take.add_argument("--delete-contents", action="store_true")
    take.set_defaults(run=down)
    reach = commands.add_parser("tunnel", parents=[shared], help=tunnel.__doc__)
    reach.add_argument("--port", type=int, default=cluster.JUPYTERHUB_PORT)
    reach.add_argument("--identity", default="", help="file of the private key")
    reach.set_defaults(run=tunnel)
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--subnet", required=True, help="subnet of the machines")
    parser.add_argument("--release", default=Options.release, help="release of EMR")
    parser.add_argument("--worker", default=Options.worker, choices=MACHINES)
    parser.add_argument("--workers", type=int, default=Options.workers)
    parser.add_argument("--idle-minutes", type=int, default=Options.idle_minutes)
    parser.add_argument("--budget", type=int, default=Options.budget, help="dollars a month")
    parser.add_argument("--email", default="", help="who is told of the budget")
    parser.add_argument("--key", default="", help="EC2 key pair, for a tunnel over SSH")
    parser.add_argument("--ssh-from", default="", help="range that may use SSH")
    parser.add_argument("--keep", action="store_true", help="stay for notebooks after the step")
    parser.add_argument("--model", help="package: a folder here, or s3a://…")
    parser.add_argument("--input", dest="source", help="photos: s3a://…")
    parser.add_argument("--output", dest="target", help="results: s3a://…")
    parser.add_argument("--components", type=int, help="of the PCA")
    parser.add_argument("--wheel", default="", help="a wheel of Vigie that is built already")
    parser.set_defaults(run=up)


if __name__ == "__main__":
    sys.exit(main())
