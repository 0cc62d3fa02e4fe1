"""The alarm: mail when the account's month costs so much. It stops nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emr.account import found

if TYPE_CHECKING:
    from emr.account import Account

SHARES = (50, 90, 100)
# an alarm is known by these, and has a state beside them
_KEY = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")


def make(account: Account) -> None:
    """Makes the budget where it is not, and without an address says so; a changed one is remade.

    Raises:
        Refused: Somebody else has a budget of this name.
    """
    options = account.options
    if not options.email:
        account.say("  no budget alarm: --email is missing")
        return
    budget = {
        "BudgetName": options.prefix, "BudgetType": "COST", "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": str(options.budget), "Unit": "USD"},
    }  # fmt: skip
    there = _there(account)
    if there is not None:
        account.require_own(f"the budget {options.prefix}", _tags(account))
        amount = float(there["BudgetLimit"]["Amount"])
        if amount == options.budget and _told(account) == {options.email}:
            return
        remove(account)
    account.make(
        f"budget {options.prefix}: {options.budget} USD a month, mail to {options.email}",
        account.client("budgets").create_budget,
        AccountId=account.number,
        Budget=budget,
        NotificationsWithSubscribers=_alarms(options.email),
        ResourceTags=account.tags,
    )


def remove(account: Account) -> None:
    """Deletes the budget; one of somebody else stays."""
    name = account.options.prefix
    if _there(account) is not None and account.owns(_tags(account)):
        account.remove(
            f"budget {name}",
            account.client("budgets").delete_budget,
            AccountId=account.number,
            BudgetName=name,
        )


def _there(account: Account) -> dict[str, Any] | None:
    answer = found(
        lambda: account.client("budgets").describe_budget(
            AccountId=account.number, BudgetName=account.options.prefix
        ),
        "NotFoundException",
    )
    return answer and answer["Budget"]


def _tags(account: Account) -> list[dict[str, str]]:
    name = f"arn:aws:budgets::{account.number}:budget/{account.options.prefix}"
    answer = account.client("budgets").list_tags_for_resource(ResourceARN=name)
    tags: list[dict[str, str]] = answer.get("ResourceTags", [])
    return tags


def _told(account: Account) -> set[str]:
    """Who is told by any of the alarms."""
    budgets = account.client("budgets")
    whose = {"AccountId": account.number, "BudgetName": account.options.prefix}
    return {
        subscriber["Address"]
        for alarm in budgets.describe_notifications_for_budget(**whose)["Notifications"]
        for subscriber in budgets.describe_subscribers_for_notification(
            **whose, Notification={name: alarm[name] for name in _KEY if name in alarm}
        )["Subscribers"]
    }


def _alarms(email: str) -> list[dict[str, Any]]:
    kinds = [("ACTUAL", share) for share in SHARES] + [("FORECASTED", 100)]
    return [
        {
            "Notification": {
                "NotificationType": kind, "ComparisonOperator": "GREATER_THAN",
                "Threshold": float(share), "ThresholdType": "PERCENTAGE",
            },
            "Subscribers": [{"SubscriptionType": "EMAIL", "Address": email}],
        }
        for kind, share in kinds
    ]  # fmt: skip
