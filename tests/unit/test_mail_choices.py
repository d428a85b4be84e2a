"""Which mail a person gets: mandatory, policy, own choice for the category, own choice for all, default."""

import pytest

from services.notifications.preferences.domain.choices import (
    CATEGORIES,
    DEFAULTS,
    Choice,
    Policy,
    Preferences,
    choose,
    without,
)

NOTHING = Preferences()


def test_without_any_choice_each_category_has_its_default() -> None:
    chosen = {category: choose(category, Policy(), NOTHING) for category in CATEGORIES if category != "account"}
    assert {category: choice.frequency for category, choice in chosen.items()} == {
        category: frequency for category, frequency in DEFAULTS.items() if category != "account"
    }
    assert {choice.reason for choice in chosen.values()} == {"default"}


def test_a_list_waits_for_a_daily_digest_and_an_answer_does_not() -> None:
    assert (DEFAULTS["lists"], DEFAULTS["requests"], DEFAULTS["mentorships"]) == ("daily", "at_once", "at_once")


def test_what_a_person_must_hear_of_is_mailed_whatever_anybody_chose() -> None:
    nothing = Preferences(email={"account": "off"}, email_otherwise="off")
    assert choose("account", Policy(email={"account": "off"}), nothing) == Choice("at_once", "mandatory")


@pytest.mark.parametrize("own", ["at_once", "daily", "weekly", "off"])
def test_a_policy_that_turns_a_category_off_takes_precedence_over_the_person(own: str) -> None:
    preferences = Preferences(email={"requests": own})
    assert choose("requests", Policy(email={"requests": "off"}), preferences) == Choice("off", "policy_off")


def test_a_required_category_cannot_be_turned_off_but_may_wait_for_a_digest() -> None:
    policy = Policy(email={"requests": "required"})
    assert choose("requests", policy, Preferences(email={"requests": "off"})) == Choice("at_once", "policy_required")
    assert choose("requests", policy, Preferences(email_otherwise="off")) == Choice("at_once", "policy_required")
    assert choose("requests", policy, Preferences(email={"requests": "weekly"})) == Choice("weekly", "own_choice")


def test_the_choice_for_a_category_takes_precedence_over_the_choice_for_all() -> None:
    preferences = Preferences(email={"requests": "at_once"}, email_otherwise="off")
    assert choose("requests", Policy(), preferences) == Choice("at_once", "own_choice")
    assert choose("lists", Policy(), preferences) == Choice("off", "own_choice_for_all")


def test_unsubscribing_turns_one_category_off_and_keeps_everything_else() -> None:
    before = Preferences(email={"requests": "daily", "lists": "weekly"}, email_otherwise="at_once")
    after = without(before, "lists")
    assert after == Preferences(email={"requests": "daily", "lists": "off"}, email_otherwise="at_once")
