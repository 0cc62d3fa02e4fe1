"""An AWS account: its clients, what was changed in it, and the tags of all that is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from emr.options import Refused

if TYPE_CHECKING:
    from boto3.session import Session

    from emr.options import Options

COMPONENT = "spark-on-emr"
# EMR's own policy for its service role lets it touch what carries this tag, and nothing else
MANAGED = "for-use-with-amazon-emr-managed-policies"


class Account:
    """Where things are made.

    Args:
        session: Of boto3; it finds the credentials as it always does.
        options: What is asked for.
        dry: Say what would be done, and do nothing.
        say: Told every change.
    """

    def __init__(
        self, session: Session, options: Options, dry: bool, say: Callable[[str], None] = print
    ) -> None:
        self.options = options
        self.dry = dry
        self.say = say
        self.client: Callable[[str], Any] = cache(
            lambda service: session.client(service, region_name=options.region)
        )

    @property
    def number(self) -> str:
        """The account's number, twelve digits."""
        found: str = self.client("sts").get_caller_identity()["Account"]
        return found

    @property
    def bucket(self) -> str:
        """Name of the bucket, one for each account and region."""
        return f"{self.options.prefix}-{self.number}-{self.options.region}"

    @property
    def tags(self) -> list[dict[str, str]]:
        """What everything is tagged with."""
        values = {"application": self.options.name, "component": COMPONENT, MANAGED: "true"}
        return [{"Key": key, "Value": value} for key, value in values.items()]

    def make(self, what: str, call: Callable[..., object], *given: Any, **named: Any) -> None:
        """Makes something by a call, or in a dry run says that it would."""
        self.say(f"+ {what}")
        if not self.dry:
            call(*given, **named)

    def remove(self, what: str, call: Callable[..., object], *given: Any, **named: Any) -> None:
        """Takes something away by a call, or in a dry run says that it would."""
        self.say(f"- {what}")
        if not self.dry:
            call(*given, **named)

    def owns(self, tags: Iterable[dict[str, str]]) -> bool:
        """Whether these are the tags of something that was made here, under this name."""
        found = {tag["Key"]: tag["Value"] for tag in tags}
        return (found.get("application"), found.get("component")) == (self.options.name, COMPONENT)

    def require_own(self, what: str, tags: Iterable[dict[str, str]]) -> None:
        """Refuses what somebody else made under the same name.

        Raises:
            Refused: It does not carry our tags.
        """
        if not self.owns(tags):
            raise Refused(f"{what} is there and not of this tool: take another --name")


def found(call: Callable[[], Any], *missing: str) -> Any | None:
    """What a call answers; None where it fails by one of the codes that mean "not there"."""
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in missing:
            return None
        raise
