"""Load on a real MongoDB: the mentor's own, sums of groups, and lists that spread the asks."""

from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from services.matching.exchange.load.repository import mentors_of
from tests.component.matching_kit import CARE, NORTH, SOUTH, Matching, asking, mentor, programme
from tests.eventually import eventually


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer) as matching:
        yield matching


async def test_a_mentor_sees_their_load_and_pending_requests(matching: Matching) -> None:
    asked = await matching.request_mentor("ana", "milo")
    await matching.request_mentor("ben", "milo")
    known = {"seats": 2, "hours_per_month": 4}
    mine = await matching.get("/me/load", "milo", NORTH)
    assert mine.json() == {**known, "seats_taken": 0, "hours_promised": 0.0, "hours_given": 0.0, "unanswered": 2}
    await matching.answer_request("milo", asked, "accept")
    mine = await matching.get("/me/load", "milo", NORTH)
    assert mine.json() == {**known, "seats_taken": 1, "hours_promised": 2.0, "hours_given": 0.0, "unanswered": 1}


async def test_a_mentor_with_a_pending_request_ranks_lower_for_others(matching: Matching) -> None:
    async def comes_first(expected: str) -> bool:
        return (await matching.mentors_of("ben") or [""])[0] == expected

    await eventually(lambda: _has_both(matching))
    first, second = await matching.mentors_of("ben") or ()
    asked = await matching.request_mentor("ana", first)
    await eventually(lambda: comes_first(second))
    why = (await matching.get("/me/suggestions", "ben", NORTH)).json()[0]["items"]
    assert [entry["mentor"] for entry in why] == [second, first]
    await matching.answer_request(first, asked, "decline", reason="no_time")
    await eventually(lambda: comes_first(first))


async def _has_both(matching: Matching) -> bool:
    return len(await matching.mentors_of("ben") or ()) == 2


async def test_a_coordinator_sees_sums_of_at_least_five_mentors_only(matching: Matching) -> None:
    await matching.join(*(mentor(f"m{number}") for number in range(3)))
    await matching.join(*(mentor(f"far{number}", SOUTH, hours_per_month=9) for number in range(4)))
    await matching.request_mentor("ana", "milo")
    path = f"/programmes/{CARE}/load"
    seen = (await matching.get(path, "carla", NORTH, "coordinator")).json()
    hours = {"hours_per_month": 20, "hours_promised": 0.0, "hours_given": 0.0}
    sums = {"mentors": 5, "seats": 9, "seats_taken": 0, **hours, "unanswered": 1}
    assert seen["groups"] == [{"institution": NORTH, **sums}]
    assert (seen["total"], seen["groups_hidden"]) == (sums, 1)
    theirs = (await matching.get(path, "sol", SOUTH, "coordinator")).json()
    assert (theirs["groups"], theirs["groups_hidden"], theirs["total"]["hours_per_month"]) == ([], 1, 0)
    await matching.join(mentor("far4", SOUTH))
    theirs = (await matching.get(path, "sol", SOUTH, "coordinator")).json()
    assert [group["institution"] for group in theirs["groups"]] == [SOUTH], (
        "others' institutions are the owner's to see"
    )
    seen = (await matching.get(path, "carla", NORTH, "coordinator")).json()
    assert [group["institution"] for group in seen["groups"]] == [NORTH, SOUTH]
    assert seen["total"]["mentors"] == 10


async def test_load_is_shown_to_the_mentor_and_to_coordinators_of_admitted_institutions(
    matching: Matching,
) -> None:
    await matching.receive(programme(admits=(NORTH,)))

    async def asked(path: str, home: str, role: str, *, who: str = "sol") -> int:
        return (await matching.get(path, who, home, role)).status_code

    path = f"/programmes/{CARE}/load"
    assert [await asked(path, SOUTH, role) for role in ("coordinator", "member", "integrator")] == [404, 403, 403]
    assert [await asked(path, NORTH, role, who="milo") for role in ("member", "operator")] == [403, 403]
    assert await asked("/me/load", NORTH, "coordinator") == 403
    assert await asked("/me/load", SOUTH, "member", who="milo") == 404


async def test_a_programme_s_mentors_are_found_without_reading_every_member(matching: Matching) -> None:
    wanted = {**mentors_of(CARE, [NORTH, SOUTH]), "erased": False}
    plan = await matching.database.command("explain", {"find": "participants", "filter": wanted})
    assert "of_programme" in str(plan["queryPlanner"]["winningPlan"])
