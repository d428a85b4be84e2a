"""Members change institution, over HTTP on a real MongoDB: the code, what goes on, what stays, and who may."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.matching.mentoring.repository.due import MongoDueRepository
from services.matching.mentoring.worker import DueWorker
from services.matching.moves.repository import forget
from shared.clock import SystemClock
from tests.component.matching_kit import CARE, NORTH, SOUTH, Matching, asking, mentee, mentor, signed_in

ANNA, MORA = {"member": "anna", "institution": SOUTH}, {"member": "mora", "institution": SOUTH}
ANA, MARA = {"member": "ana", "institution": NORTH}, {"member": "mara", "institution": NORTH}
RECEIPTS = ("relationship.opened", "relationship.closed")


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    """Ana and Mara of the North are the same people as Anna and Mora of the South."""
    async with asking(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        await matching.join(mentee("anna", SOUTH, enrolments=()), mentor("mora", SOUTH, enrolments=(), capacity=1))
        yield matching


async def code_of(matching: Matching, member: str, institution: str = NORTH) -> str:
    issued = await matching.post("/moves", member, institution)
    assert issued.status_code == 201, issued.text
    return str(issued.json()["code"])


async def enter(matching: Matching, code: str, member: str, institution: str = SOUTH) -> httpx.Response:
    return await matching.post("/moves/enter", member, institution, code=code)


async def together(matching: Matching) -> str:
    request = await matching.request_mentor("ana", "mara")
    return str((await matching.answer_request("mara", request, "accept"))["relationship"])


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def outcome(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    [only] = answer.json()["relationships"]
    return dict(only)


async def test_a_mentee_who_moves_keeps_the_mentor_and_the_seat(matching: Matching) -> None:
    first = await together(matching)
    await matching.post(f"/relationships/{first}/pause", "mara", version=1)
    code = await code_of(matching, "ana")

    moved = outcome(await enter(matching, f" {code} ", "anna"))

    assert moved["relationship"] == first
    new = (await matching.get(f"/relationships/{moved['continued_as']}", "anna", SOUTH)).json()
    assert (new["mentee"], new["mentor"], new["state"], new["continues"]) == (ANNA, MARA, "paused", first)
    assert await matching.seats() == {"mara": 1}
    before = (await matching.get(f"/relationships/{first}", "ana", NORTH)).json()
    assert (before["state"], before["reason"], before["mentee"]) == ("closed", "member_moved", ANA)
    [_, (closed, ended), (opened, begun)] = await matching.facts(*RECEIPTS)
    assert (closed, ended["recipients"], ended["mentee"]) == ("relationship.closed", [], ANA)
    assert (opened, begun["recipients"], begun["continues"]) == ("relationship.opened", [ANNA, MARA], first)


async def test_each_institution_sees_its_own_part(matching: Matching) -> None:
    first = await together(matching)
    other = outcome(await enter(matching, await code_of(matching, "mara"), "mora"))["continued_as"]
    assert (await matching.get(f"/relationships/{first}", "anna", SOUTH)).status_code == 404
    assert (await matching.get(f"/relationships/{first}", "mora", SOUTH)).status_code == 404
    assert (await matching.get(f"/relationships/{other}", "mara", NORTH)).status_code == 404
    again = outcome(await enter(matching, await code_of(matching, "ana"), "anna"))["continued_as"]
    pairs = (await matching.get(f"/programmes/{CARE}/relationships", "carla", NORTH, "coordinator")).json()["items"]
    assert {pair["id"] for pair in pairs} == {first, other}
    assert (await matching.get(f"/relationships/{again}", "carla", NORTH, "coordinator")).status_code == 404


async def test_a_mentor_who_moves_needs_a_seat_at_the_new_institution(matching: Matching) -> None:
    first = await together(matching)
    code = await code_of(matching, "mara")
    await matching.receive(mentor("mora", SOUTH, enrolments=(), capacity=0))
    stays = outcome(await enter(matching, code, "mora"))
    assert stays == {"relationship": first, "reason": "no_seat_left"}
    assert await matching.seats() == {"mara": 1}
    await matching.receive(mentor("mora", SOUTH, enrolments=(), capacity=1))
    moved = outcome(await enter(matching, code, "mora"))
    new = (await matching.get(f"/relationships/{moved['continued_as']}", "ana", NORTH)).json()
    assert (new["mentee"], new["mentor"]) == (ANA, MORA)
    assert await matching.seats() == {"mora": 1}
    assert outcome(await enter(matching, code, "mora")) == moved


async def test_who_was_deactivated_before_the_move_takes_along_what_is_on_hold(matching: Matching) -> None:
    first = await together(matching)
    code = await code_of(matching, "ana")
    await matching.database["relationships"].update_one(
        {"_id": first}, {"$set": {"state": "on_hold", "reason": "mentee_inactive"}, "$inc": {"version": 1}}
    )
    await matching.database["seats"].update_one({"_id": "mara"}, {"$inc": {"taken": -1}})
    await matching.receive(mentee("ana", status="inactive"))
    moved = outcome(await enter(matching, code, "anna"))
    new = (await matching.get(f"/relationships/{moved['continued_as']}", "anna", SOUTH)).json()
    assert (new["state"], await matching.seats()) == ("active", {"mara": 1})


async def test_what_keeps_the_two_apart_stays_and_does_not_say_why(matching: Matching) -> None:
    first = await together(matching)
    code = await code_of(matching, "ana")
    await matching.receive(signed_in(mentee("anna", SOUTH), never=("mara",)))
    assert outcome(await enter(matching, code, "anna")) == {"relationship": first, "reason": "not_available"}
    assert (await matching.get(f"/relationships/{first}", "ana", NORTH)).json()["state"] == "active"


async def test_a_code_is_refused_except_to_one_person_elsewhere(matching: Matching) -> None:
    await together(matching)
    await matching.join(mentee("sara", SOUTH))
    former, code = await code_of(matching, "ana"), await code_of(matching, "ana")
    assert refusal(await enter(matching, former, "anna")) == (404, "move_code_not_found")
    assert refusal(await enter(matching, "guessed", "anna")) == (404, "move_code_not_found")
    assert refusal(await enter(matching, code, "ana", NORTH)) == (409, "own_code")
    assert refusal(await enter(matching, code, "milo", NORTH)) == (409, "same_institution")
    assert refusal(await enter(matching, code, "unknown")) == (404, "member_not_found")
    outcome(await enter(matching, code, "anna"))
    assert refusal(await enter(matching, code, "sara")) == (404, "move_code_not_found")


async def test_a_code_ends_after_thirty_days(matching: Matching) -> None:
    code = await code_of(matching, "ana")
    over = SystemClock().now() - timedelta(seconds=1)
    await matching.database["moves"].update_one({"_id": "ana"}, {"$set": {"expires_at": over}})
    assert refusal(await enter(matching, code, "anna")) == (404, "move_code_not_found")


async def test_entered_many_times_at_once_everything_moves_once(matching: Matching) -> None:
    await together(matching)
    code = await code_of(matching, "ana")
    answers = await asyncio.gather(*(enter(matching, code, "anna") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    moved = {item["continued_as"] for answer in answers for item in answer.json()["relationships"]}
    assert len(moved) == 1
    assert await matching.seats() == {"mara": 1}
    assert [name for name, _ in await matching.facts(*RECEIPTS)] == [
        "relationship.opened",
        "relationship.closed",
        "relationship.opened",
    ]


async def test_the_store_has_no_code_and_an_erasure_leaves_nothing(matching: Matching) -> None:
    """Of the person as they were, or as they are at the new institution."""
    await together(matching)
    codes = [await code_of(matching, "ana"), await code_of(matching, "mara")]
    outcome(await enter(matching, codes[0], "anna"))
    kept = await matching.database["moves"].find().to_list(None)
    assert len(kept) == 2
    assert not any(code in str(kept) for code in codes)
    await matching.erase(mentor("mara"))
    await matching.erase(mentee("anna", SOUTH))
    due = MongoDueRepository(matching.database, SystemClock(), forget=[forget])
    await DueWorker(due, SystemClock()).work()
    assert await matching.database["moves"].find().to_list(None) == []
