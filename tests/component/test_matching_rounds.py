"""Rounds in the service, on a real MongoDB and in a real workshop: opened, solved, checked, published, told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.issuer import LocalIssuer
from tests.component.matching_kit import NORTH, SOUTH, institution, mentee, mentor, programme, running
from tests.component.rounds_desk import Desk


@pytest.fixture
async def desk(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[Desk]:
    """Two institutions that exchange; mara has one seat, milo two; four mentees, one of them of the other."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("solving", "publishing", "due")) as matching:
        await matching.say(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await matching.say(programme())
        await matching.join(mentor("mara", capacity=1), mentor("milo", across_institutions=True))
        await matching.join(mentee("ana"), mentee("ben"), mentee("cleo"))
        await matching.join(mentee("sid", SOUTH, across_institutions=True))
        yield Desk(matching, tmp_path)


async def test_a_round_is_opened_solved_checked_and_published(desk: Desk) -> None:
    round = await desk.opened(pins=[{"mentee": "ben", "mentor": "mara"}])
    seen = await desk.until(round, "pending")
    assert (seen["mentees"], seen["mentors"], seen["places"]) == (4, 2, {"planned": 3, "left": 1})
    assert seen["figures"]["fit"]["matched"] == seen["figures"]["coverage"]["matched"] == 3
    assert await desk.verified(round) == 0
    assert await desk.matching.facts() == []

    assert (await desk.act(round, "publish")).json()["state"] == "publishing"
    seen = await desk.until(round, "published")

    pairs = await desk.pairs(round, state="opened")
    assert pairs["ben"] == "mara"
    assert await desk.matching.seats() == {"mara": 1, "milo": 2}
    facts = await desk.matching.facts()
    assert sorted(name for name, _ in facts) == [
        *["relationship.opened"] * 3,
        "round.mentee_unmatched",
        "round.published",
    ]
    opened = {data["mentee"]["member"]: data for name, data in facts if name == "relationship.opened"}
    assert opened.keys() == pairs.keys()
    assert [one["member"] for one in opened["ben"]["recipients"]] == ["ben", "mara"]
    assert opened["ben"]["round"] == round
    assert seen["places"] == {"opened": 3, "unmatched": 1}
