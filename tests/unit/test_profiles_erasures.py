"""What becomes of a request for erasure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.profiles.privacy.erasure import domain as erasures
from services.profiles.privacy.erasure.domain import SERVICES, Erasure, RequestedBy
from shared.errors import Conflict

NOW = datetime(2026, 11, 30, tzinfo=UTC)
OWN, COORDINATORS = timedelta(days=7), timedelta(days=30)


def asked(by: RequestedBy, waiting: Erasure | None = None, *, now: datetime = NOW) -> Erasure:
    wait = OWN if by == "member" else COORDINATORS
    return erasures.request(waiting, id="e1", institution="west", member="ada", by=by, now=now, wait=wait)


def test_a_request_waits_before_it_is_carried_out() -> None:
    assert (asked("member").due_at, asked("coordinator").due_at) == (NOW + OWN, NOW + COORDINATORS)


@pytest.mark.parametrize(("first", "second"), [("member", "member"), ("member", "coordinator"), ("coordinator",) * 2])
def test_a_second_request_changes_nothing(first: RequestedBy, second: RequestedBy) -> None:
    waiting = asked(first)
    assert asked(second, waiting, now=NOW + timedelta(days=1)) == waiting


@pytest.mark.parametrize(("days", "due"), [(1, 8), (28, 30)])
def test_a_member_confirms_a_coordinators_erasure_request_without_delaying_it(days: int, due: int) -> None:
    taken = asked("member", asked("coordinator"), now=NOW + timedelta(days=days))
    assert (taken.id, taken.requested_by, taken.due_at) == ("e1", "member", NOW + timedelta(days=due))
    assert erasures.withdraw(taken, by="member", now=NOW).state == "withdrawn"


def test_a_member_withdraws_their_own_request_and_objects_to_a_coordinators() -> None:
    assert erasures.withdraw(asked("member"), by="member", now=NOW).state == "withdrawn"
    assert erasures.withdraw(asked("coordinator"), by="member", now=NOW).state == "objected"
    assert erasures.withdraw(asked("coordinator"), by="coordinator", now=NOW).state == "withdrawn"


def test_a_coordinator_does_not_withdraw_what_the_member_asked_for() -> None:
    with pytest.raises(Conflict, match="only they"):
        erasures.withdraw(asked("member"), by="coordinator", now=NOW)


@pytest.mark.parametrize("state", ["withdrawn", "objected", "carried_out", "completed"])
def test_only_a_waiting_erasure_can_be_withdrawn(state: erasures.ErasureState) -> None:
    with pytest.raises(Conflict):
        erasures.withdraw(replace(asked("member"), state=state), by="member", now=NOW)


def test_an_erasure_is_complete_when_every_service_has_given_its_receipt() -> None:
    erasure = replace(asked("member"), state="carried_out")
    for number, service in enumerate(SERVICES):
        assert erasure.outstanding == SERVICES[number:]
        erasure = erasures.receive(erasure, service=service, now=NOW)
    assert (erasure.state, erasure.outstanding) == ("completed", ())
    assert erasures.receive(erasure, service=SERVICES[0], now=NOW + OWN) == erasure
