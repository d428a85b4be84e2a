"""What a person reads, in their language."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from services.notifications.domain import ListChange, Mentor, Notification, Recipient
from services.notifications.usecases.reading import Message, Names
from services.notifications.wording import LOCALES, Wording
from shared.contracts.matching import Unmatched

WORDING = Wording()
NAMES = Names(
    members={"ada": "Dr Ada Lovelace", "far": "Never Shown"},
    institutions={"south": "South Hospital", "north": "North School"},
    programmes={"residency": "Residency 2027"},
)
ADA, FAR = Mentor(member="ada", institution="north"), Mentor(member="far", institution="south")


def change(*now: Mentor, before: tuple[str, ...] = (), unmatched: str | None = None) -> ListChange:
    return ListChange(programme="residency", before=frozenset(before), now=now, unmatched=unmatched)


STAYED = tuple(Mentor(member=f"old-{number}", institution="south") for number in range(3))
CHANGE = change(ADA, *STAYED, FAR, before=("ben", "old-0", "old-1", "old-2"))


def message(what: ListChange, *, locale: str = "en", names: Names = NAMES) -> Message:
    notification = Notification(
        id="n",
        recipient=Recipient(institution="north", member="mia"),
        occasion="o",
        change=what,
        position=1,
        told_at=datetime(2027, 1, 4, tzinfo=UTC),
    )
    return WORDING.message(notification, locale=locale, names=names)


def test_a_changed_list_in_english() -> None:
    assert message(CHANGE) == Message(
        title="Your list of mentors in Residency 2027 changed: 2 new",
        body="New: Dr Ada Lovelace, a mentor at South Hospital. 1 no longer on it. "
        "There are 5 mentors on your list now.",
    )


def test_a_changed_list_in_german() -> None:
    assert message(CHANGE, locale="de-AT") == Message(
        title="Ihre Mentorenliste in Residency 2027 hat sich geändert: 2 neu",
        body="Neu: Dr Ada Lovelace, jemand von South Hospital. 1 nicht mehr darauf. "
        "Auf Ihrer Liste stehen jetzt 5 Personen.",
    )


def test_a_first_list_is_ready_rather_than_changed() -> None:
    ready = message(change(ADA))
    assert ready.title == "Your list of mentors in Residency 2027 is ready: 1 suggestion"
    assert ready.body == "New: Dr Ada Lovelace. There is 1 mentor on your list now."


def test_only_the_order_changed() -> None:
    reordered = message(change(*STAYED, before=("old-0", "old-1", "old-2")))
    assert reordered.title == "Your list of mentors in Residency 2027 changed"
    assert reordered.body.startswith("Nobody is new and nobody has left")


def test_at_most_three_are_named() -> None:
    many = [Mentor(member=f"m{number}", institution="south") for number in range(5)]
    assert "and 2 more" in message(change(*many)).body


def test_a_mentor_of_another_institution_is_never_named() -> None:
    assert "Never Shown" not in message(CHANGE).body


@pytest.mark.parametrize("locale", ["fr", "", "../../de", "en_GB"])
def test_a_language_that_we_do_not_have_falls_back_to_english(locale: str) -> None:
    assert message(CHANGE, locale=locale) == message(CHANGE)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("what", [CHANGE, change(unmatched="paused"), change(before=("ada",))])
def test_names_that_have_not_arrived_yet_leave_a_whole_sentence(what: ListChange, locale: str) -> None:
    bare = message(what, locale=locale, names=Names(members={}, institutions={}, programmes={}))
    assert bare.title
    assert bare.body
    assert "  " not in bare.title
    assert not bare.title.endswith(" in")


@pytest.mark.parametrize("locale", LOCALES)
def test_every_reason_has_words_of_its_own(locale: str) -> None:
    def body(reason: str) -> str:
        return message(change(unmatched=reason), locale=locale).body

    reasons = get_args(Unmatched)
    assert len({body(reason) for reason in reasons}) == len(reasons)
    assert body("a_reason_of_tomorrow") == body("not_available")


def test_names_are_values_and_never_templates_or_markup() -> None:
    names = Names(members={"ada": "{{ 7*7 }} <b>O'Neill & Sons</b>\nSecond"}, institutions={}, programmes={})
    shown = message(change(ADA), names=names)
    assert "{{ 7*7 }} <b>O'Neill & Sons</b> Second" in shown.body


def test_a_line_break_in_a_programmes_name_does_not_cut_the_title() -> None:
    names = replace(NAMES, programmes={"residency": "Residency\r\n2027"})
    assert message(CHANGE, names=names).title.endswith("in Residency 2027 changed: 2 new")
