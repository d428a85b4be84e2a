"""Coordinators add and end pairs over HTTP on a real MongoDB: who may, seats, events, audit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deploy.issuer import ISSUER, LocalIssuer
from shared.auth import subject_hash
from tests.component.matching_kit import CARE, NORTH, SOUTH, Matching, asking, mentee, mentor

PAIRS = f"/programmes/{CARE}/relationships"
BOTH = [{"member": "ana", "institution": NORTH}, {"member": "mara", "institution": NORTH}]


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        yield matching


async def add(matching: Matching, mentee: str = "ana", mentor: str = "mara", **options: Any) -> httpx.Response:
    asked = {"role": "coordinator", **options}
    return await matching.post(PAIRS, "carla", asked.pop("institution", NORTH), mentee=mentee, mentor=mentor, **asked)


async def end(matching: Matching, pair: str, who: str = "carla", institution: str = NORTH) -> httpx.Response:
    return await matching.post(f"{PAIRS}/{pair}/end", who, institution, role="coordinator", reason="moved_on")


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_pair_is_added_and_ended_with_its_seat_its_events_and_the_audit(matching: Matching) -> None:
    request = await matching.request_mentor("ana", "milo")
    added = await add(matching)
    assert (added.status_code, added.json()["state"], added.headers["etag"]) == (201, "active", '"1"')
    pair = added.json()["id"]
    assert added.headers["location"] == f"/relationships/{pair}"
    assert await matching.seats() == {"mara": 1}
    withdrawn = await matching.get(f"/requests/{request}", "ana", NORTH)
    assert (withdrawn.json()["state"], withdrawn.json()["reason"]) == ("withdrawn", "matched_elsewhere")

    ended = await end(matching, pair)

    assert (ended.status_code, ended.json()["state"], ended.json()["reason"]) == (200, "closed", "moved_on")
    assert (await end(matching, pair)).json() == ended.json()
    assert await matching.seats() == {}
    facts = await matching.facts("relationship.opened", "relationship.closed")
    assert [(name, data["recipients"]) for name, data in facts] == [
        ("relationship.opened", BOTH),
        ("relationship.closed", BOTH),
    ]
    entries = await matching.database["audit"].find().sort("_id").to_list(None)
    who = subject_hash(ISSUER, "carla")
    assert [(entry["what"], entry["who"], entry["relationship"]) for entry in entries] == [
        ("pair added", who, pair),
        ("pair ended", who, pair),
    ]


async def test_only_a_coordinator_of_both_members_adds_a_pair(matching: Matching) -> None:
    await matching.join(mentor("sven", SOUTH), mentee("sara", SOUTH))
    assert refusal(await add(matching, role="member")) == (403, "role_required")
    assert refusal(await add(matching, institution=SOUTH)) == (404, "mentee_not_found")
    assert refusal(await add(matching, mentor="sven")) == (404, "mentor_not_found")
    assert refusal(await add(matching, mentee="sara")) == (404, "mentee_not_found")
    assert refusal(await add(matching, mentee="nobody")) == (404, "mentee_not_found")
    token = matching.issuer.token("lim", institution=NORTH, roles=["coordinator"], programmes=["other"])
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "limited"}
    limited = await matching.client.post(PAIRS, headers=headers, json={"mentee": "ana", "mentor": "mara"})
    assert refusal(limited) == (403, "programme_refused")
    both = matching.issuer.token("mara", institution=NORTH, roles=["member", "institution_coordinator"])
    headers = {"authorization": f"Bearer {both}", "idempotency-key": "own"}
    own = await matching.client.post(PAIRS, headers=headers, json={"mentee": "ana", "mentor": "mara"})
    assert refusal(own) == (403, "own_pair")
    assert await matching.facts() == []


async def test_a_coordinator_of_neither_member_ends_no_pair(matching: Matching) -> None:
    pair = (await add(matching)).json()["id"]
    assert refusal(await end(matching, pair, institution=SOUTH)) == (404, "relationship_not_found")
    assert refusal(await end(matching, "nothing")) == (404, "relationship_not_found")
    assert await matching.seats() == {"mara": 1}


async def test_of_many_pairs_at_once_the_last_seat_goes_to_one(matching: Matching) -> None:
    crowd = [mentee(f"m{number}") for number in range(20)]
    await matching.join(*crowd)
    answers = await asyncio.gather(*(add(matching, mentee=person.member) for person in crowd))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    assert await matching.seats() == {"mara": 1}
