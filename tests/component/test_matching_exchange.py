"""Terms of exchange on a real MongoDB: direction and ceiling hold wherever a pair is made; balances are shown."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.profiles import ExchangeTerms, InstitutionChanged, MemberChanged
from tests.component.matching_kit import (
    CARE,
    NORTH,
    SOUTH,
    Matching,
    institution,
    mentee,
    mentor,
    programme,
    running,
)
from tests.component.rounds_api import RoundsApi
from tests.eventually import eventually


def exchanging(home: str, partner: str, **terms: Any) -> InstitutionChanged:
    return institution(home, exchanges_with=(partner,), exchange_terms=(ExchangeTerms(partner=partner, **terms),))


def far(make: Any, id: str, home: str = SOUTH, **fields: Any) -> MemberChanged:
    person: MemberChanged = make(id, home, across_institutions=True, **fields)
    return person


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    """A mentor and two mentees in each of two institutions that exchange both ways."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("lists", "due")) as matching:
        await matching.receive(exchanging(NORTH, SOUTH), exchanging(SOUTH, NORTH), programme())
        await matching.join(far(mentor, "mara", NORTH), far(mentee, "ana", NORTH), far(mentee, "ben", NORTH))
        await matching.join(far(mentor, "milo"), far(mentee, "sue"), far(mentee, "sam"))
        await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
        yield matching


@pytest.fixture
async def another(matching: Matching, mongo_uri: str, kafka_bootstrap: str) -> AsyncIterator[Matching]:
    """A second process on the same database: the crowd in one process waits in line before a ceiling."""
    database = matching.database.name
    async with running(mongo_uri, kafka_bootstrap, matching.issuer, work=(), database=database) as another:
        yield another


async def _suggested(matching: Matching, who: str, mentors: set[str]) -> bool:
    return set(await matching.mentors_of(who) or ()) == mentors


async def _pair(matching: Matching, who: str, other: str, *, home: str, partner: str) -> dict[str, Any]:
    """One of `home` asks one of `partner`, who accepts."""
    body = {"programme": CARE, "mentor": other, "message": ""}
    asked = await matching.post(f"/mentees/{who}/requests", who, home, **body)
    assert asked.status_code == 201, asked.text
    return await matching.answer_request(other, asked.json()["id"], "accept", partner)


@pytest.mark.parametrize("ending", [NORTH, SOUTH])
async def test_a_partnership_ended_by_either_side_brings_no_more_pairs_together(
    matching: Matching, ending: str
) -> None:
    """The programme still admits both: admissions are consents of their own (ADR 0017)."""
    asked = await matching.request_mentor("ben", "milo")
    await matching.receive(institution(ending))
    for who in ("ana", "sue"):
        home, own = (NORTH, "mara") if who == "ana" else (SOUTH, "milo")
        await eventually(lambda w=who, o=own: _suggested(matching, w, {o}), message=f"{who} of {home} has {own} alone")
    assert (await matching.send_request("ana", "milo")).status_code in (404, 409)
    answer = await matching.post(f"/requests/{asked}/accept", "milo", SOUTH)
    assert answer.status_code == 409, answer.text
    assert await matching.seats() == {}


async def _balance(matching: Matching, home: str = NORTH) -> dict[str, Any]:
    seen = await matching.get(f"/institutions/{home}/exchange", "carla", home, "coordinator")
    assert seen.status_code == 200, seen.text
    return dict(seen.json())


async def test_an_institution_that_only_gives_receives_no_mentors(matching: Matching) -> None:
    await matching.receive(exchanging(NORTH, SOUTH, direction="gives"))
    await eventually(lambda: _suggested(matching, "ana", {"mara"}))
    await eventually(lambda: _suggested(matching, "sue", {"mara", "milo"}))
    body = {"programme": CARE, "mentor": "milo", "message": ""}
    refused = await matching.post("/mentees/ana/requests", "ana", **body)
    assert (refused.status_code, refused.json()["type"]) == (404, "urn:preceptor:problem:mentor_not_found")
    await _pair(matching, "sue", "mara", home=SOUTH, partner=NORTH)


async def test_an_acceptance_after_the_direction_was_closed_is_refused(matching: Matching) -> None:
    asked = await matching.request_mentor("ana", "milo")
    await matching.receive(exchanging(SOUTH, NORTH, direction="receives"))
    refused = await matching.post(f"/requests/{asked}/accept", "milo", SOUTH)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:not_available")


async def test_the_balance_counts_what_is_given_and_received_by_partner(matching: Matching) -> None:
    await matching.receive(exchanging(NORTH, SOUTH, ceiling=3, floor=2))
    await _pair(matching, "sue", "mara", home=SOUTH, partner=NORTH)
    begun = await _pair(matching, "ana", "milo", home=NORTH, partner=SOUTH)
    await matching.post(f"/relationships/{begun['relationship']}/close", "ana", reason="goals_reached")
    seen = await _balance(matching)
    known = {"institution": SOUTH, "gives": True, "receives": True, "given": 1, "received": 0, "balance": 1}
    assert (seen["given"], seen["received"], seen["balance"]) == (1, 0, 1)
    terms = {"ceiling": 3, "ceiling_left": 2, "floor": 2, "floor_met": False}
    assert seen["partners"] == [{**known, **terms, "given_in_all": 1, "received_in_all": 1}]
    (theirs,) = (await _balance(matching, SOUTH))["partners"]
    assert (theirs["given"], theirs["received"], theirs["balance"], theirs["ceiling"]) == (0, 1, -1, None)


async def test_the_balance_is_counted_from_indexes_alone(matching: Matching) -> None:
    await _pair(matching, "sue", "mara", home=SOUTH, partner=NORTH)
    await _pair(matching, "ben", "mara", home=NORTH, partner=NORTH)
    database = matching.database
    await database.command("profile", 2)
    try:
        assert (await _balance(matching))["balance"] == 1
    finally:
        await database.command("profile", 0)
    asked = {"ns": f"{database.name}.relationships", "command.aggregate": "relationships"}
    seen = await database["system.profile"].find(asked).to_list(None)
    read = sorted((operation["planSummary"].split(":")[0], operation["docsExamined"]) for operation in seen)
    assert read == [("IXSCAN { mentee.institution", 0), ("IXSCAN { mentor.institution", 0)], seen


async def test_two_hundred_concurrent_acceptances_in_two_processes_keep_the_ceiling(
    matching: Matching, another: Matching
) -> None:
    await matching.receive(exchanging(NORTH, SOUTH, ceiling=5))
    asked = [(f"e{number}", f"m{number // 2}") for number in range(200)]
    await matching.join(*(far(mentor, f"m{number}", NORTH) for number in range(100)))
    await matching.join(*(far(mentee, who) for who, _ in asked))
    body = {"programme": CARE, "message": ""}
    for first in range(0, len(asked), 20):
        some = asked[first : first + 20]
        asks = (matching.post(f"/mentees/{who}/requests", who, SOUTH, mentor=whom, **body) for who, whom in some)
        assert {answer.status_code for answer in await asyncio.gather(*asks)} == {201}
    pending = matching.database["requests"].find({"state": "pending"})
    known = [(relationship["_id"], relationship["mentor"]["member"]) async for relationship in pending]

    both = (matching, another)
    accepts = (both[nth % 2].post(f"/requests/{id}/accept", whom) for nth, (id, whom) in enumerate(known))
    answers = await asyncio.gather(*accepts)

    outcomes = Counter((answer.status_code, answer.json().get("type", "")) for answer in answers)
    assert outcomes == {(200, ""): 5, (409, "urn:preceptor:problem:exchange_full"): 195}
    assert await matching.database["relationships"].count_documents({}) == 5
    (known_of,) = (await _balance(matching))["partners"]
    assert (known_of["given"], known_of["ceiling_left"]) == (5, 0)


async def test_no_concurrent_actions_in_two_processes_exceed_a_ceiling(matching: Matching, another: Matching) -> None:
    """Accepted, put on hold by leaving, taken up again, closed: each way to a seat, and from it."""
    await matching.receive(exchanging(NORTH, SOUTH, ceiling=2))
    await matching.join(*(far(mentor, f"m{number}", NORTH) for number in range(3)))
    people = [f"e{number}" for number in range(6)]
    await matching.join(*(far(mentee, person) for person in people))
    dice, both, bodies = random.Random(7), (matching, another), {"close": {"reason": "goals_reached"}}

    async def act(nth: int) -> None:
        here, who = both[nth % 2], dice.choice(people)
        known = await here.database["relationships"].find({"mentee.member": who}).to_list(None)
        match dice.choice(["ask", "ask", "accept", "accept", "leave", "return", "resume", "close"]):
            case "ask":
                body = {"programme": CARE, "message": "", "mentor": f"m{dice.randrange(3)}"}
                await here.post(f"/mentees/{who}/requests", who, SOUTH, **body)
            case "accept":
                async for request in here.database["requests"].find({"mentee.member": who, "state": "pending"}):
                    await here.post(f"/requests/{request['_id']}/accept", request["mentor"]["member"])
            case "leave" | "return" as what:
                await here.receive(far(mentee, who, status="inactive" if what == "leave" else "active"))
            case verb:
                for relationship in known:
                    await here.post(f"/relationships/{relationship['_id']}/{verb}", who, SOUTH, **bodies.get(verb, {}))

    relationships, taken = matching.database["relationships"], {"state": {"$in": ["active", "paused"]}}

    turns = count(1)

    async def has_acted_enough() -> bool:
        await asyncio.gather(*(act(nth) for nth in range(8)))
        assert await relationships.count_documents(taken) <= 2
        return next(turns) >= 14 and await relationships.count_documents({}) > 2

    await eventually(has_acted_enough, message="a third one begins: which actions meet is a matter of chance")


async def test_lists_follow_a_ceiling_that_is_reached_or_freed(
    matching: Matching,
) -> None:
    await matching.receive(exchanging(NORTH, SOUTH, ceiling=1))
    begun = await _pair(matching, "sue", "mara", home=SOUTH, partner=NORTH)
    await eventually(lambda: _suggested(matching, "sam", {"milo"}))
    assert await _suggested(matching, "ana", {"mara", "milo"})
    why = await matching.get("/mentees/sam/why-not/mara", "sam", SOUTH, programme=CARE)
    assert why.json()["code"] == "not_available"
    body = {"programme": CARE, "mentor": "mara", "message": ""}
    refused = await matching.post("/mentees/sam/requests", "sam", SOUTH, **body)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    await matching.post(f"/relationships/{begun['relationship']}/close", "sue", SOUTH, reason="goals_reached")
    await eventually(lambda: _suggested(matching, "sam", {"mara", "milo"}))


async def test_a_lowered_ceiling_ends_no_relationship_and_prevents_resuming_above_it(matching: Matching) -> None:
    begun = await _pair(matching, "sue", "mara", home=SOUTH, partner=NORTH)
    await _pair(matching, "sam", "mara", home=SOUTH, partner=NORTH)
    await matching.receive(exchanging(NORTH, SOUTH, ceiling=1))
    (known,) = (await _balance(matching))["partners"]
    assert (known["given"], known["ceiling_left"]) == (2, 0)
    path = f"/relationships/{begun['relationship']}"
    await matching.receive(far(mentee, "sue", status="inactive"))
    await eventually(matching.departures_are_handled)
    await matching.receive(far(mentee, "sue"))
    refused = await matching.post(f"{path}/resume", "sue", SOUTH)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    refused = await matching.post(f"{path}/resume", "mara")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:exchange_full")
    await matching.receive(exchanging(NORTH, SOUTH, ceiling=2))
    assert (await matching.post(f"{path}/resume", "sue", SOUTH)).json()["state"] == "active"


async def test_a_former_partner_stays_in_the_balance(matching: Matching) -> None:
    await _pair(matching, "sue", "mara", home=SOUTH, partner=NORTH)
    await matching.receive(institution(NORTH))
    (known,) = (await _balance(matching))["partners"]
    assert (known["given"], known["gives"], known["receives"]) == (1, False, False)


async def test_only_the_whole_institutions_own_coordinator_sees_the_balance(matching: Matching) -> None:
    async def asked(home: str, role: str, *, of: str = NORTH, programmes: tuple[str, ...] = ()) -> int:
        path = f"/institutions/{of}/exchange"
        return (await matching.get(path, "carla", home, role, programmes=programmes)).status_code

    assert await asked(NORTH, "coordinator") == 200
    assert await asked(SOUTH, "coordinator") == 404
    assert await asked(SOUTH, "coordinator", of="nowhere") == 404
    assert await asked(NORTH, "coordinator", programmes=(CARE,)) == 403
    assert [await asked(NORTH, role) for role in ("member", "integrator", "operator")] == [403] * 3


async def test_a_round_has_no_more_pairs_across_than_seats_are_left_and_its_files_show_it(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("solving", "publishing")) as matching:
        await matching.receive(exchanging(NORTH, SOUTH, floor=1), exchanging(SOUTH, NORTH, ceiling=2, floor=2))
        await matching.receive(programme())
        await matching.join(*(far(mentee, f"e{number}", NORTH) for number in range(5)))
        await matching.join(far(mentor, "milo", capacity=9), far(mentor, "mara", NORTH, capacity=1))
        await _pair(matching, "e0", "milo", home=NORTH, partner=SOUTH)
        api = RoundsApi(matching, tmp_path)
        round = await api.published()
        files = await api.files(round)
        assert json.loads(files[0].read_bytes())["exchanges"] == [
            {"at_most": 1, "mentee_institution": NORTH, "mentor_institution": SOUTH}
        ]
        assert await api.verified(round) == 0
        between = {"mentee_institution": SOUTH, "mentor_institution": NORTH}
        unreached = [{**between, "floor": 1, "given": 0, "after": {"fit": 0, "coverage": 0}}]
        assert (await api.see(round))["floors_unreached"] == unreached, "what south gives reaches its floor"
        assert sorted((await api.pairs(round, state="opened")).values()) == ["mara", "milo"]
        (known,) = (await _balance(matching, SOUTH))["partners"]
        assert (known["given"], known["ceiling_left"]) == (2, 0)
