"""Planning a mail, deciding again when it is due, and what follows from the mail server's answer."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.notifications.deliveries.domain.deliveries import (
    Addressee,
    Circumstances,
    Delivery,
    after_trouble,
    before_sending,
    plan,
)
from services.notifications.deliveries.domain.kinds import KINDS, is_bulk, matter_of
from services.notifications.deliveries.domain.outcomes import after_refusal, after_report, decide
from services.notifications.kernel.domain import PairUpdate, PendingNotification, Person, Recipient
from services.notifications.preferences.domain.choices import Policy, Preferences
from services.notifications.preferences.domain.times import QuietHours

NOW = datetime(2027, 1, 4, 21, 30, tzinfo=UTC)
NO_REQUESTS = Addressee(zone=ZoneInfo("UTC"), preferences=Preferences(), policy=Policy(email={"requests": "off"}))
NIGHT = QuietHours(begins=time(21), ends=time(7))
MIA = Recipient(institution="north", member="mia")


def addressee(**preferences: object) -> Addressee:
    return Addressee(
        zone=ZoneInfo("UTC"),
        preferences=Preferences(**preferences),  # type: ignore[arg-type]
        policy=Policy(),
    )


def notice(template: str = "request-accepted", *, reason: str | None = None) -> PendingNotification:
    other = Person(member="ada", institution="north")
    change = PairUpdate(template=template, programme="p", side="mentee", other=other, reason=reason, is_accepted=True)
    return PendingNotification(recipient=MIA, occasion="request:p:r", change=change)


def planned(template: str = "request-accepted", whom: Addressee | None = None, *, now: datetime = NOW) -> Delivery:
    return plan(
        notice(template), whom or addressee(), id="d", notification="n", position=1, has_mail_server=True, now=now
    )


def reasons(delivery: Delivery) -> list[tuple[str, str]]:
    return [(decision.state, decision.reason) for decision in delivery.decisions]


def test_an_urgent_mail_waits_some_minutes_after_the_last_one_about_its_matter() -> None:
    urgent, last_mail = planned("conflict-detected"), NOW - timedelta(minutes=4)
    again = before_sending(urgent, Circumstances(addressee=addressee(), last_mail=last_mail), NOW)
    assert again is not None
    assert (again.state, again.reason, again.until) == ("deferred", "just_mailed", NOW + timedelta(minutes=6))
    earlier = Circumstances(addressee=addressee(), last_mail=NOW - timedelta(minutes=10))
    assert before_sending(urgent, earlier, NOW) is None


def test_an_answer_is_planned_at_once() -> None:
    delivery = planned()
    assert (reasons(delivery), delivery.due) == ([("planned", "default")], NOW)


def test_in_quiet_hours_a_mail_waits_until_the_morning() -> None:
    delivery = planned(whom=addressee(quiet_hours=NIGHT))
    assert reasons(delivery) == [("planned", "default"), ("deferred", "quiet_hours")]
    assert delivery.due == datetime(2027, 1, 5, 7, tzinfo=UTC)


def test_an_urgent_mail_waits_for_no_digest_no_morning_and_no_day() -> None:
    whom = addressee(quiet_hours=NIGHT, email={"mentorships": "weekly"})
    delivery = planned("conflict-detected", whom)
    assert (reasons(delivery), delivery.cadence) == ([("planned", "own_choice")], None)
    found = Circumstances(addressee=whom, last_mail=NOW - timedelta(minutes=10))
    assert before_sending(delivery, found, NOW) is None


def test_a_digest_is_planned_for_its_hour() -> None:
    delivery = planned(whom=addressee(email={"requests": "daily"}))
    assert reasons(delivery) == [("planned", "own_choice"), ("deferred", "digest_daily")]
    assert (delivery.due, delivery.cadence) == (datetime(2027, 1, 5, 8, tzinfo=UTC), "daily")


def test_a_second_mail_about_the_same_matter_waits_for_a_day() -> None:
    sent_at = NOW - timedelta(hours=2)
    decision = before_sending(planned(), Circumstances(addressee=addressee(), last_mail=sent_at), NOW)
    assert decision is not None
    assert (decision.state, decision.reason, decision.until) == (
        "deferred",
        "one_mail_a_day",
        sent_at + timedelta(days=1),
    )
    a_day_ago = Circumstances(addressee=addressee(), last_mail=NOW - timedelta(days=1))
    assert before_sending(planned(), a_day_ago, NOW) is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"is_read": True}, "already_read"),
        ({"is_active": False}, "member_inactive"),
        ({"is_deleted": True}, "erased"),
        ({"is_erased": True, "addressee": None}, "erased"),
        ({"suppressed": "bounced"}, "bounced"),
        ({"addressee": addressee(email={"requests": "off"})}, "own_choice"),
        (
            {
                "addressee": Addressee(
                    zone=ZoneInfo("UTC"), preferences=Preferences(), policy=Policy(email={"requests": "off"})
                )
            },
            "policy_off",
        ),
    ],
)
def test_what_became_true_since_the_plan_suppresses_the_mail(found: dict[str, object], reason: str) -> None:
    circumstances = Circumstances(**{"addressee": addressee(), **found})  # type: ignore[arg-type]
    decision = before_sending(planned(), circumstances, NOW)
    assert decision is not None
    assert (decision.state, decision.reason) == ("suppressed", reason)


def test_what_a_person_must_hear_of_is_mailed_though_they_read_it_or_are_inactive() -> None:
    delivery = planned("erasure-requested")
    found = Circumstances(addressee=addressee(email_otherwise="off"), is_active=False, is_read=True)
    assert before_sending(delivery, found, NOW) is None


def test_an_unknown_contact_is_asked_for_again_later() -> None:
    decision = before_sending(planned(), Circumstances(addressee=None), NOW)
    assert decision is not None
    assert (decision.state, decision.reason, decision.until) == (
        "deferred",
        "contact_unknown",
        NOW + timedelta(minutes=1),
    )


def test_pauses_between_attempts_grow_to_an_hour_and_end_after_two_days() -> None:
    pauses, delivery = [], planned()
    while (decision := after_trouble(delivery, "server_busy", NOW)).until is not None:
        pauses.append(decision.until - NOW)
        delivery = replace(delivery, attempts=delivery.attempts + 1)
    assert pauses[:7] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32, 60)]
    assert set(pauses[7:]) == {timedelta(hours=1)}
    assert timedelta(days=1.5) < sum(pauses, timedelta()) < timedelta(days=2.5)
    assert (decision.state, decision.reason) == ("failed", "given_up")


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ("accepted", "sent"),
        ("busy", "deferred"),
        ("interrupted", "deferred"),
        ("recipient_refused", "failed"),
        ("message_refused", "failed"),
        ("address_invalid", "failed"),
    ],
)
def test_the_servers_answer_decides(result: str, state: str) -> None:
    assert decide(planned(), result, NOW).state == state  # type: ignore[arg-type]


def test_two_refusals_in_a_row_suppress_an_address_and_another_address_begins_again() -> None:
    first = after_refusal(None, address_digest="a", now=NOW)
    second = after_refusal(first, address_digest="a", now=NOW)
    other = after_refusal(second, address_digest="b", now=NOW)
    assert [(each.refusals, each.reason) for each in (first, second, other)] == [(1, None), (2, "bounced"), (1, None)]
    assert after_report("complaint", address_digest="a", now=NOW).reason == "complaint"


def test_the_matter_of_a_list_is_the_list_for_every_cause() -> None:
    assert {matter_of("suggestions:p:own"), matter_of("suggestions:p:others")} == {"suggestions:p"}
    assert matter_of("request:p:r") == "request:p:r"


def test_mails_that_many_get_at_once_are_bulk_and_answers_are_not() -> None:
    assert is_bulk(notice("relationship-opened", reason="matched_in_round"))
    assert not is_bulk(notice("relationship-opened"))
    assert [template for template in KINDS if KINDS[template].is_urgent] == [
        "conflict-detected",
        "meeting-changed",
        "meeting-cancelled",
        "meeting-reminded",
        "flash-cancelled",
        "flash-reminded",
        "visit-reminded",
        "group-reminded",
        "member-invited",
        "member-reminded",
        "erasure-requested",
        "erasure-withdrawn",
    ]
