"""Which mail a person wants, and how often. Resolved in this order; the first rule that applies decides:

1. a mandatory category is always mailed;
2. the institution's policy: a category is required, or off;
3. the person's own choice for the category;
4. the person's choice for every category without one;
5. the default of the category.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from services.notifications.preferences.domain.times import DEFAULT_DIGEST, DigestTime, QuietHours

Category = Literal["requests", "mentorships", "lists", "rounds", "account"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
Frequency = Literal["at_once", "daily", "weekly", "off"]
PolicyRule = Literal["required", "off"]
ChoiceReason = Literal["mandatory", "policy_off", "policy_required", "own_choice", "own_choice_for_all", "default"]

MANDATORY: frozenset[Category] = frozenset({"account"})
"""What a person must hear of: an erasure of their data."""
DEFAULTS: Mapping[Category, Frequency] = {
    "requests": "at_once",
    "mentorships": "at_once",
    "lists": "daily",
    "rounds": "at_once",
    "account": "at_once",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    email: Mapping[Category, Frequency] = field(default_factory=dict)
    email_otherwise: Frequency | None = None
    """For categories that are not in `email`."""
    quiet_hours: QuietHours | None = None
    digest: DigestTime = DEFAULT_DIGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an institution decides for all of its members."""

    email: Mapping[Category, PolicyRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    frequency: Frequency
    reason: ChoiceReason
    """The rule that decided."""


def choose(category: Category, policy: Policy, preferences: Preferences) -> Choice:
    if category in MANDATORY:
        return Choice("at_once", "mandatory")
    rule = policy.email.get(category)
    if rule == "off":
        return Choice("off", "policy_off")
    wanted = _wanted(category, preferences)
    if rule == "required" and wanted.frequency == "off":
        return Choice(DEFAULTS[category], "policy_required")
    return wanted


def without(preferences: Preferences, category: Category) -> Preferences:
    """The preferences of somebody who unsubscribes from a category."""
    return Preferences(
        email={**preferences.email, category: "off"},
        email_otherwise=preferences.email_otherwise,
        quiet_hours=preferences.quiet_hours,
        digest=preferences.digest,
    )


def _wanted(category: Category, preferences: Preferences) -> Choice:
    own = preferences.email.get(category)
    if own is not None:
        return Choice(own, "own_choice")
    if preferences.email_otherwise is not None:
        return Choice(preferences.email_otherwise, "own_choice_for_all")
    return Choice(DEFAULTS[category], "default")
