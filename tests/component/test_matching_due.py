"""What nobody asks for: time passes over requests, and people leave a programme or the network."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.matching.feedback.documents import forget
from services.matching.mentoring.repository.due import MongoDueRepository
from services.matching.mentoring.worker import DueWorker
from services.matching.rebuilding import COPIES
from services.matching.rounds.repository import cohorts
from services.matching.suggestions import people
from services.matching.suggestions.index.network import Network
from shared import failpoints
from shared.clock import SystemClock
from shared.contracts.profiles import Enrolment, MemberChanged
from tests.component.matching_kit import (
    CARE,
    NORTH,
    Matching,
    asking,
    institution,
    mentee,
    mentor,
    programme,
    running,
)
from tests.eventually import eventually

ANA, MARA = {"member": "ana", "institution": NORTH}, {"member": "mara", "institution": NORTH}


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer) as matching:
        yield matching


async def _suggested(matching: Matching, who: str, mentors: set[str]) -> bool:
    return set(await matching.mentors_of(who) or ()) == mentors


async def test_a_declined_pair_is_suggested_again_after_its_separation_ends(matching: Matching) -> None:
    request = await matching.request_mentor("ana", "mara")
    await matching.answer_request("mara", request, "decline")
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    again = await matching.send_request("ana", "mara")
    assert again.json()["type"] == "urn:preceptor:problem:not_available"
    await _make_due(matching, request)
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
    await matching.request_mentor("ana", "mara")


async def _closed(matching: Matching, by: str, **body: Any) -> str:
    """A mentoring of ana's with mara, closed so."""
    accepted = await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    id: str = accepted["relationship"]
    closed = await matching.post(f"/relationships/{id}/close", by, **body)
    assert closed.json()["state"] == "closed"
    return id


async def _kept_from_ana(matching: Matching) -> list[str]:
    """As rounds, repairs and simulations read people, and as the API does."""
    network = Network()
    async for states in cohorts.states(matching.database, CARE, opened={}):
        for state in states:
            network.put(state)
    shown = await people.persons(matching.database, {"_id": "ana"}, mentees=["ana"])
    assert shown["ana"].kept_from == network.person("ana").kept_from
    return sorted(shown["ana"].kept_from)


async def test_a_closed_pair_is_separated_everywhere_until_time_has_passed(matching: Matching) -> None:
    id = await _closed(matching, "ana", reason="not_a_fit")
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    again = await matching.send_request("ana", "mara")
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    assert await _kept_from_ana(matching) == ["mara"]
    await _make_due(matching, id, of="relationships")
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
    assert await _kept_from_ana(matching) == []
    repeated = await matching.send_request("ana", "mara")
    assert repeated.json()["repeat"] is True


async def test_a_repeat_request_after_a_good_ending_is_shown_as_one_to_both(
    matching: Matching,
) -> None:
    await _closed(matching, "ana", reason="goals_reached")
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    request = await matching.request_mentor("ana", "mara")
    seen = await matching.get(f"/requests/{request}", "mara", NORTH)
    assert seen.json()["repeat"] is True
    assert [data["repeat"] for _, data in await matching.facts("request.made")] == [False, True]
    assert (await matching.answer_request("mara", request, "accept"))["state"] == "accepted"


async def test_a_closing_person_may_separate_the_pair_permanently_and_unseen(matching: Matching) -> None:
    id = await _closed(matching, "mara", reason="goals_reached", never_again=True)
    again = await matching.send_request("ana", "mara")
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    before = await matching.get(f"/relationships/{id}", "ana", NORTH)
    assert "never_again" not in before.text
    await _make_due(matching, id, of="relationships")
    await eventually(lambda: _is_over(matching, id))
    after = await matching.get(f"/relationships/{id}", "ana", NORTH)
    assert (before.headers["etag"], after.headers["etag"]) == ('"2"', '"3"')
    assert await matching.mentors_of("ana") == ["milo"]
    assert (await matching.send_request("ana", "mara")).json() == again.json()
    assert await _kept_from_ana(matching) == ["mara"]


@pytest.mark.parametrize("by", ["ana", "mara"])
async def test_either_person_may_ask_for_permanent_separation_after_closing(matching: Matching, by: str) -> None:
    await matching.receive(programme(separation_days={"goals_reached": 0}))
    id = await _closed(matching, "ana", reason="goals_reached")
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
    shown = await matching.get(f"/relationships/{id}", "ana", NORTH)
    facts = await matching.facts()
    wish = {"reason": "not_a_fit", "never_again": True}
    answers = [await matching.post(f"/relationships/{id}/close", by, **wish) for _ in range(2)]
    answers.append(await matching.get(f"/relationships/{id}", "ana", NORTH))
    for answer in answers:
        assert (answer.status_code, answer.json()) == (200, shown.json())
        assert answer.headers["etag"] == shown.headers["etag"]
    assert await matching.facts() == facts
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    assert await _kept_from_ana(matching) == ["mara"]
    assert (await matching.send_request("ana", "mara")).status_code == 409


async def test_a_programme_sets_the_length_of_separations(matching: Matching) -> None:
    await matching.receive(programme(separation_days={"no_time": 0}))
    await _closed(matching, "mara", reason="no_time")
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))


async def _is_over(matching: Matching, relationship: str) -> bool:
    found = await matching.database["relationships"].find_one({"_id": relationship})
    return found is not None and found["due_at"] is None


async def _make_due(matching: Matching, id: str, *, of: str = "requests") -> None:
    due = datetime(2020, 1, 1, tzinfo=UTC)
    await matching.database[of].update_one({"_id": id}, {"$set": {"at": due, "due_at": due}})


async def test_the_mentor_of_an_unanswered_request_is_reminded_once_by_any_worker(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with asking(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        request = await matching.request_mentor("ana", "mara")
        asked = await _overdue(matching, request, days=6)
        workers = [
            DueWorker(MongoDueRepository(matching.database, SystemClock(), forget=[forget]), SystemClock())
            for _ in range(4)
        ]

        await asyncio.gather(*(worker.work() for worker in workers))
        await workers[0].work()

        [(_, data)] = await matching.facts("request.nudged")
        assert (data["nudge"], data["recipients"]) == (1, [MARA])
        current = (await matching.get(f"/requests/{request}", "mara", NORTH)).json()
        assert datetime.fromisoformat(current["expires_at"]) == asked + timedelta(days=14)
        assert (await matching.answer_request("mara", request, "accept"))["state"] == "accepted"


async def test_a_worker_killed_while_reminding_repeats_and_loses_no_reminder(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as idle:
        await idle.receive(institution(NORTH), programme())
        await idle.join(mentor("mara"), *(mentee(f"m{number}") for number in range(4)))
        for number in range(4):
            await _overdue(idle, await idle.request_mentor(f"m{number}", "mara"), days=6)

        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.component.run_due_work", mongo_uri, idle.database.name),
            env={**os.environ, failpoints.VARIABLE: "matching.due.after-commit:2"},
        )

        assert await child.wait() == -signal.SIGKILL
        assert len(await idle.facts("request.nudged")) == 2
        await DueWorker(MongoDueRepository(idle.database, SystemClock(), forget=[forget]), SystemClock()).work()
        notified = [data["mentee"]["member"] for _, data in await idle.facts("request.nudged")]
        assert sorted(notified) == [f"m{number}" for number in range(4)]


async def _overdue(matching: Matching, request: str, *, days: int) -> datetime:
    """As if it had been asked so many days ago, and nobody had looked since."""
    asked = SystemClock().now() - timedelta(days=days)
    before = {"at": asked, "due_at": asked + timedelta(days=5)}
    await matching.database["requests"].update_one({"_id": request}, {"$set": before})
    return asked


async def test_an_unanswered_request_expires_once_and_its_mentee_is_notified(matching: Matching) -> None:
    request = await matching.request_mentor("ana", "mara")
    await _make_due(matching, request)
    await eventually(lambda: matching.facts("request.expired"))
    refused = await matching.post(f"/requests/{request}/accept", "mara")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:request_not_pending")
    [(_, data)] = await matching.facts("request.expired")
    assert data["recipients"] == [ANA]


async def test_an_inactive_member_keeps_no_request_and_no_seat(matching: Matching) -> None:
    await matching.join(mentor("mara", capacity=2))
    accepted = await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    await matching.request_mentor("ben", "mara")
    await matching.receive(mentor("mara", capacity=2, status="inactive"))
    await eventually(lambda: matching.facts("relationship.paused"))
    await eventually(lambda: matching.facts("request.withdrawn"))
    assert await matching.seats() == {}
    [(_, paused)], [(_, withdrawn)] = [
        await matching.facts(name) for name in ("relationship.paused", "request.withdrawn")
    ]
    assert (paused["reason"], paused["recipients"]) == ("mentor_inactive", [ANA])
    assert (withdrawn["reason"], withdrawn["recipients"][0]["member"]) == ("not_available", "ben")
    path = f"/relationships/{accepted['relationship']}/resume"
    away = await matching.post(path, "ana")
    assert away.json()["type"] == "urn:preceptor:problem:not_available"

    await matching.receive(mentor("mara", capacity=0))
    full = await matching.post(path, "ana")
    assert full.json() == away.json()
    own = await matching.post(path, "mara")
    assert own.json()["type"] == "urn:preceptor:problem:no_seat_left"
    await matching.receive(mentor("mara", capacity=1))
    assert (await matching.post(path, "ana")).json()["state"] == "active"
    assert await matching.seats() == {"mara": 1}
    assert await matching.database["departures"].count_documents({}) == 0


async def test_an_inactive_member_is_refused_until_reactivated(matching: Matching) -> None:
    request = await matching.request_mentor("ana", "milo")
    relationship = (await matching.answer_request("milo", request, "accept"))["relationship"]
    seen = ("/me/requests", "/me/relationships", f"/relationships/{relationship}", f"/requests/{request}")
    seen += ("/me/suggestions",)
    assert {path for path in seen if not (await matching.get(path, "ana", NORTH)).is_success} == set()
    await matching.receive(mentee("ana", status="inactive"))
    assert {path for path in seen if (await matching.get(path, "ana", NORTH)).status_code != 404} == set()
    for path in (f"/relationships/{relationship}/close", f"/requests/{request}/accept"):
        assert (await matching.post(path, "ana")).status_code == 404, path
    assert (await matching.send_request("ana", "mara")).status_code == 404
    await matching.receive(mentee("ana"))
    assert (await matching.get(f"/relationships/{relationship}", "ana", NORTH)).is_success


async def test_leaving_a_programme_withdraws_its_requests_and_keeps_the_mentor(matching: Matching) -> None:
    await matching.receive(programme("other"))
    both = Enrolment(programme="other", roles=("mentee", "mentor"))
    await matching.join(mentor("max", enrolments=(both, Enrolment(programme=CARE, roles=("mentor",)))))
    await matching.join(mentee("ana", enrolments=(both, Enrolment(programme=CARE, roles=("mentee",)))))
    accepted = await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    here = await matching.request_mentor("ana", "milo")
    body = {"programme": "other", "mentor": "max", "message": ""}
    there = (await matching.post("/mentees/ana/requests", "ana", **body)).json()["id"]

    await matching.receive(mentee("ana", enrolments=(both,)))

    await eventually(lambda: matching.facts("request.withdrawn"))
    [(_, data)] = await matching.facts("request.withdrawn")
    assert (data["request"], data["reason"], [recipient["member"] for recipient in data["recipients"]]) == (
        here,
        "mentee_left",
        ["milo"],
    )
    assert (await matching.get(f"/requests/{there}", "ana", NORTH)).json()["state"] == "pending"
    kept = (await matching.get(f"/relationships/{accepted['relationship']}", "mara", NORTH)).json()
    assert (kept["state"], await matching.seats()) == ("active", {"mara": 1})
    await eventually(matching.departures_are_handled)


async def test_a_mentor_who_leaves_a_programme_is_not_available_to_its_mentees(matching: Matching) -> None:
    await matching.join(mentor("max"))
    await matching.answer_request("max", await matching.request_mentor("ben", "max"), "accept")
    request = await matching.request_mentor("ana", "max")
    await matching.receive(mentor("max", enrolments=()))
    await eventually(lambda: matching.facts("request.withdrawn"))
    [(_, data)] = await matching.facts("request.withdrawn")
    assert (data["request"], data["reason"], data["recipients"]) == (request, "not_available", [ANA])
    assert await matching.seats() == {"max": 1}
    assert await matching.facts("relationship.paused", "relationship.closed") == []


async def test_members_who_left_a_programme_are_found_in_a_rebuilt_copy(matching: Matching) -> None:
    left, stays = await matching.request_mentor("ana", "mara"), await matching.request_mentor("ben", "milo")
    await matching.database["participants"].update_one({"_id": "ana"}, {"$set": {"enrolments": []}})
    participants = next(copy for copy in COPIES if copy.payload is MemberChanged)
    assert participants.follow is not None
    await participants.follow(matching.database)
    await eventually(lambda: matching.facts("request.withdrawn"))
    await eventually(matching.departures_are_handled)
    [(_, data)] = await matching.facts("request.withdrawn")
    assert (data["request"], data["reason"]) == (left, "mentee_left")
    assert (await matching.get(f"/requests/{stays}", "ben", NORTH)).json()["state"] == "pending"


async def test_an_erasure_closes_relationships_withdraws_requests_and_deletes_messages(matching: Matching) -> None:
    await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    await matching.request_mentor("ana", "milo")
    await matching.erase(mentee("ana"))
    await eventually(lambda: matching.facts("relationship.closed"))
    [(_, closed)], [(_, withdrawn)] = [
        await matching.facts(name) for name in ("relationship.closed", "request.withdrawn")
    ]
    assert (closed["reason"], closed["recipients"]) == ("mentee_left", [MARA])
    assert (withdrawn["reason"], [recipient["member"] for recipient in withdrawn["recipients"]]) == (
        "mentee_left",
        ["milo"],
    )
    assert await matching.seats() == {}
    assert await matching.database["requests"].distinct("message") == [""]


async def test_a_member_reactivated_before_the_command_runs_loses_nothing(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as idle:
        await idle.receive(institution(NORTH), programme())
        await idle.join(mentor("mara"), mentee("ana"))
        await idle.request_mentor("ana", "mara")
        await idle.receive(mentor("mara", status="inactive"))
        await idle.receive(mentor("mara"))
        work = idle.service.background["due"]
        task = asyncio.create_task(work())
        await eventually(idle.departures_are_handled)
        task.cancel()
        assert await idle.database["requests"].count_documents({"state": "pending"}) == 1
