"""What a person reads, in their language."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from deploy.texts import PAIR_CASES
from services.notifications.kernel.domain import (
    Change,
    ErasureNotice,
    LeftOver,
    ListChange,
    Message,
    Names,
    Notification,
    PairUpdate,
    Person,
    Recipient,
    Side,
)
from services.notifications.wording import LOCALES, Wording
from shared.contracts.catalogue import EVENTS
from shared.contracts.matching import AboutRelationship, AboutRequest, Unmatched
from shared.contracts.mentorships import AboutMentorship
from shared.contracts.short_formats import AboutFlash
from tests.unit.test_notifications_mentorships import WITHOUT_RECIPIENTS

WORDING = Wording()
NAMES = Names(
    members={"ada": "Dr Ada Lovelace", "far": "Never Shown"},
    institutions={"south": "South Hospital", "north": "North School"},
    programmes={"residency": "Residency 2027"},
)
ADA, FAR = Person(member="ada", institution="north"), Person(member="far", institution="south")


def change(*now: Person, before: tuple[str, ...] = (), unmatched: str | None = None) -> ListChange:
    return ListChange(programme="residency", before=frozenset(before), now=now, unmatched=unmatched)


STAYED = tuple(Person(member=f"old-{number}", institution="south") for number in range(3))
CHANGE = change(ADA, *STAYED, FAR, before=("ben", "old-0", "old-1", "old-2"))


def turn(template: str, *, side: Side = "mentee", other: Person = ADA, reason: str | None = None) -> PairUpdate:
    is_accepted = template == "request-accepted" or template.startswith("relationship")
    return PairUpdate(
        template=template,
        programme="residency",
        side=side,
        other=other,
        reason=reason,
        is_accepted=is_accepted,
        at=datetime(2027, 3, 4, tzinfo=UTC),
    )


def message(what: Change, *, locale: str = "en", zone: str = "UTC", names: Names = NAMES) -> Message:
    notification = Notification(
        id="n",
        recipient=Recipient(institution="north", member="mia"),
        occasion="o",
        change=what,
        position=1,
        notified_at=datetime(2027, 1, 4, tzinfo=UTC),
    )
    return WORDING.message(notification, locale=locale, zone=ZoneInfo(zone), names=names)


def test_a_changed_list_in_english() -> None:
    assert message(CHANGE) == Message(
        title="Your list of mentors in Residency 2027 has changed: 2 new",
        body="New: Dr Ada Lovelace, a mentor at South Hospital. 1 mentor is no longer on it. "
        "Your list now has 5 mentors.",
    )


def test_a_changed_list_in_german() -> None:
    assert message(CHANGE, locale="de-AT") == Message(
        title="Ihre Vorschlagsliste in Residency 2027 hat sich geändert: 2 neu",
        body="Neu: Dr Ada Lovelace, jemand von South Hospital. 1 Person steht nicht mehr darauf. "
        "Auf Ihrer Liste stehen jetzt 5 Personen.",
    )


def test_a_first_list_is_ready_rather_than_changed() -> None:
    ready = message(change(ADA))
    assert ready.title == "Your list of mentors in Residency 2027 is ready: 1 suggestion"
    assert ready.body == "New: Dr Ada Lovelace. Your list now has 1 mentor."


def test_only_the_order_changed() -> None:
    reordered = message(change(*STAYED, before=("old-0", "old-1", "old-2")))
    assert reordered.title == "Your list of mentors in Residency 2027 has changed"
    assert reordered.body.startswith("The same mentors are on it, in a new order.")


def test_at_most_three_are_named() -> None:
    many = [Person(member=f"m{number}", institution="south") for number in range(5)]
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
    assert message(CHANGE, names=names).title.endswith("in Residency 2027 has changed: 2 new")


def test_a_request_in_english() -> None:
    assert message(turn("request-made", side="mentor")) == Message(
        title="Dr Ada Lovelace would like you to be their mentor in Residency 2027",
        body="Read their message, then accept or decline. Without an answer, the request closes after two weeks.",
    )


def test_a_decline_in_german() -> None:
    assert message(turn("request-declined", reason="no_time"), locale="de") == Message(
        title="Dr Ada Lovelace hat Ihre Anfrage in Residency 2027 abgelehnt",
        body="Zurzeit fehlt dafür leider die Zeit. Ihre Vorschlagsliste zeigt, wen Sie sonst fragen können.",
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_names_across_institutions_are_hidden_before_acceptance(locale: str) -> None:
    for template in ("request-made", "request-nudged", "request-declined", "request-withdrawn", "request-expired"):
        for side in ("mentee", "mentor"):
            shown = message(turn(template, side=side, other=FAR), locale=locale)
            assert "Never Shown" not in shown.title + shown.body
            assert "South Hospital" in shown.title
    assert message(turn("request-accepted", other=FAR), locale=locale).title.startswith("Never Shown")


def test_every_fact_about_two_people_has_words() -> None:
    of_pairs = AboutRequest | AboutRelationship | AboutMentorship | AboutFlash
    templates = {"-".join(type.split(".")[3:5]) for type, event in EVENTS.items() if issubclass(event, of_pairs)}
    assert templates - WITHOUT_RECIPIENTS == {template for template, _ in PAIR_CASES}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("template", "side"), PAIR_CASES)
def test_every_pair_update_is_a_title_and_a_body_with_and_without_names(locale: str, template: str, side: Side) -> None:
    bare = Names(members={}, institutions={}, programmes={})
    for names in (NAMES, bare):
        for reason in (*PAIR_CASES[template, side], "a_reason_of_tomorrow"):
            shown = message(turn(template, side=side, reason=reason), locale=locale, names=names)
            assert shown.title
            assert shown.body.endswith(".")
            assert "  " not in shown.title
            assert "None" not in shown.title + shown.body


def test_a_mentee_reads_that_a_round_found_a_mentor_in_english_and_german() -> None:
    found = turn("relationship-opened", reason="matched_in_round")
    assert message(found) == Message(
        title="A mentor was found for you in Residency 2027: Dr Ada Lovelace",
        body="Arrange a first conversation soon.",
    )
    assert message(found, locale="de") == Message(
        title="Ihr Mentoring in Residency 2027 kann beginnen: Dr Ada Lovelace begleitet Sie",
        body="Verabreden Sie bald ein erstes Gespräch.",
    )


def test_a_reminder_names_the_time_where_the_reader_lives() -> None:
    reminder = replace(turn("meeting-reminded"), at=datetime(2027, 2, 5, 16, 5, tzinfo=UTC))
    titles = [message(reminder, zone=zone).title for zone in ("Europe/Berlin", "Asia/Tokyo", "UTC")]
    assert titles == [
        f"Your meeting with Dr Ada Lovelace in Residency 2027 is on {time}"
        for time in ("5 February 2027 at 17:05", "6 February 2027 at 01:05", "5 February 2027 at 16:05 UTC")
    ]
    german = message(reminder, locale="de", zone="Europe/Berlin")
    assert german.title == "Ihr Treffen mit Dr Ada Lovelace in Residency 2027 ist am 5. Februar 2027 um 17:05 Uhr"


@pytest.mark.parametrize("locale", LOCALES)
def test_each_reason_for_declining_has_its_own_text(locale: str) -> None:
    reasons = PAIR_CASES["request-declined", "mentee"]
    assert len({message(turn("request-declined", reason=reason), locale=locale).body for reason in reasons}) == len(
        reasons
    )


LEFT_OVER: dict[str, set[str]] = {
    "round-unmatched": {*get_args(Unmatched), "outranked", "outweighed", "closed", "excluded"} - {"paused"},
    "round-lapsed": {"profile_incomplete", "not_available"},
}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", LEFT_OVER)
def test_an_unmatched_mentee_reads_why_and_what_comes_next(locale: str, template: str) -> None:
    def text_of(reason: str, names: Names = NAMES) -> Message:
        change = LeftOver(template=template, programme="residency", reason=reason)
        return message(change, locale=locale, names=names)

    reasons = LEFT_OVER[template]
    assert len({text_of(reason).body for reason in reasons}) == len(reasons)
    assert text_of("a_reason_of_tomorrow").body == text_of("not_available").body
    assert "Residency 2027" in text_of("outranked").title
    assert "  " not in text_of("outranked", Names(members={}, institutions={}, programmes={})).title


def test_a_coordinators_request_for_erasure_in_english_and_german() -> None:
    what = ErasureNotice(template="erasure-requested", due_at=datetime(2027, 3, 4, 9, tzinfo=UTC))
    english, german = message(what), message(what, locale="de")
    assert english.title == "Your coordinator asked for your profile to be erased"
    assert english.body.startswith("Your profile and your data will be erased on 4 March 2027.")
    assert german.title == "Die Koordination möchte Ihr Profil löschen lassen"
    assert german.body.startswith("Ihr Profil und Ihre Daten werden am 4. März 2027 gelöscht.")


def test_a_withdrawn_request_for_erasure_in_english_and_german() -> None:
    what = ErasureNotice(template="erasure-withdrawn", due_at=None)
    assert message(what) == Message(
        title="Your profile will not be erased",
        body="Your coordinator has withdrawn the request to erase it. Your profile and your data stay as they are, and "
        "there is nothing that you need to do.",
    )
    assert message(what, locale="de").title == "Ihr Profil wird nicht gelöscht"
