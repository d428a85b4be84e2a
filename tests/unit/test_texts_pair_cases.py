"""`./dev texts` shows of requests, relationships and mentorships what is published, to whom, and no more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import get_args

from deploy.texts import PAIR_CASES
from services.matching.kernel.pairs import Decided
from services.matching.mentoring.domain import relationships, requests
from services.matching.mentoring.domain.relationships import ClosingReason
from services.matching.mentoring.domain.requests import DecliningReason, Retraction
from services.notifications.kernel.domain import PairUpdate
from services.notifications.notifying.usecases import AboutPair, Notifier
from tests.unit.matching_people import mentee, mentor, policy
from tests.unit.mentorship_events import (
    of_agreements,
    of_check_ins,
    of_duties,
    of_flash_slots,
    of_goals,
    of_lifecycle,
    of_meetings,
    of_messages,
)
from tests.unit.test_matching_requests import NOW, PAIR, accept, close, pending, situation, together
from tests.unit.test_notifications_notifier import TRACE, FixedClock, NotificationsInMemory

SIDES = ("mentee", "mentor")


def of_requests() -> Iterator[Decided]:
    request = pending()
    yield requests.request("r", programme=PAIR.programme, mentor="milo", message="", situation=situation(), now=NOW)
    accepted, begun, _ = accept(situation(asked=[request]))
    yield from (accepted, begun, requests.withdraw(request, now=NOW))
    yield from (requests.decline(request, reason=reason, now=NOW) for reason in get_args(DecliningReason))
    yield from (requests.retract(request, reason=reason, now=NOW) for reason in get_args(Retraction))
    for days in (5, 14):
        overdue = requests.pass_time(replace(request, due_at=NOW), now=NOW + timedelta(days=days))
        assert overdue is not None
        yield overdue


def of_relationships() -> Iterator[Decided]:
    relationship = together()
    yield relationships.begin(PAIR, id="s", request=None, round="round", now=NOW)
    yield relationships.begin(PAIR, id="s", request=None, repair="repair", now=NOW)
    yield relationships.begin(PAIR, id="s", request=None, now=NOW)
    yield relationships.end_by_coordinator(relationship, reason="moved_on", policy=policy(), now=NOW)
    yield relationships.find_conflict(relationship, reason="assessment")
    yield relationships.close_for_repair(relationship, policy=policy(), now=NOW)
    for side in SIDES:
        yield relationships.pause(relationship, by=side)
        paused = together(state="paused")
        yield relationships.resume(paused, by=side, mentee=mentee(), mentor=mentor(), policy=policy())
        yield from (close(relationship, by=side, reason=reason) for reason in get_args(ClosingReason))
        for is_erased in (False, True):
            left = relationships.leave(relationship, side=side, is_erased=is_erased, now=NOW)
            assert left is not None
            yield left


def updates(event: AboutPair) -> list[PairUpdate]:
    repository = NotificationsInMemory()
    Notifier(FixedClock()).notify([(event, TRACE)], repository)
    return [notification.change for notification in repository.kept.values()]


def test_the_cases_are_those_that_are_published() -> None:
    of_mentorships = chain(
        of_lifecycle(),
        of_goals(),
        of_agreements(),
        of_meetings(),
        of_check_ins(),
        of_messages(),
        of_flash_slots(),
        of_duties(),
    )
    published = {
        (update.template, update.side, update.reason)
        for decided in (*of_requests(), *of_relationships(), *of_mentorships)
        if decided is not None and decided.event is not None
        for update in updates(decided.event)
    }
    shown = {(template, side, reason) for (template, side), reasons in PAIR_CASES.items() for reason in reasons}
    assert shown == published
