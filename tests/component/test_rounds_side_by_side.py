"""Rounds beside each other: one open in a programme, and none that gives away seats that another round took."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.profiles import Enrolment
from tests.component.matching_kit import CARE, NORTH, institution, mentee, mentor, programme, running
from tests.component.rounds_api import RoundsApi

OTHER = "other"
BOTH = tuple(Enrolment(programme=programme, roles=("mentor",)) for programme in (CARE, OTHER))
THERE = (Enrolment(programme=OTHER, roles=("mentee",)),)


@pytest.fixture
async def api(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[RoundsApi]:
    """Two programmes that share their mentors, of two seats each; four mentees in each programme."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("solving", "publishing", "repairs")) as matching:
        await matching.receive(institution(NORTH), programme(), programme(OTHER))
        await matching.join(*(mentor(who, enrolments=BOTH) for who in ("mara", "milo")))
        await matching.join(*(mentee(f"here-{n}") for n in range(4)))
        await matching.join(*(mentee(f"there-{n}", enrolments=THERE) for n in range(4)))
        yield RoundsApi(matching, tmp_path)


async def test_a_second_round_of_a_programme_is_refused_with_the_open_rounds_id(api: RoundsApi) -> None:
    first = await api.opened()
    refused = await api.open()
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:round_open")
    assert first in refused.json()["detail"]
    await api.until(first, "pending")
    assert (await api.open()).status_code == 409
    assert (await api.open(OTHER)).status_code == 201, "another programme's is its own"
    await api.act(first, "drop")
    assert (await api.open()).status_code == 201


async def test_only_one_of_many_rounds_opened_concurrently_begins(api: RoundsApi) -> None:
    answers = await asyncio.gather(*(api.open() for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 5}
    assert await api.matching.database["rounds"].count_documents({}) == 1


async def test_a_round_whose_seats_another_round_took_is_refused_and_solved_again(
    api: RoundsApi,
) -> None:
    first, second = await api.solved(), await api.solved(OTHER)
    await api.act(first, "publish")
    await api.until(first, "published")
    refused = await api.act(second, "publish")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:round_outdated")
    assert "open it again" in refused.json()["detail"]
    assert (await api.see(second))["state"] == "pending"
    assert await api.states(second) == {"planned": 4}, "nothing was settled"

    await api.matching.join(mentor("mila", enrolments=BOTH, capacity=1))
    await api.act(second, "drop")
    again = await api.solved(OTHER)
    assert (await api.act(again, "publish")).status_code == 200
    await api.until(again, "published")
    assert await api.states(again) == {"opened": 1, "unmatched": 3}
    assert [entry["position"] for entry in await api.waitlist(again)] == [1, 2, 3]
    assert await api.matching.database["displacements"].count_documents({}) == 0, "nobody had a mentor to lose"


async def test_one_of_two_concurrent_publications_of_the_same_seats_is_refused(api: RoundsApi) -> None:
    rounds = [await api.solved(), await api.solved(OTHER)]
    answers = await asyncio.gather(*(api.act(round, "publish") for round in rounds))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [published] = [round for round, answer in zip(rounds, answers, strict=True) if answer.status_code == 200]
    await api.until(published, "published")
    assert await api.states(published) == {"opened": 4}
    assert await api.matching.seats() == {"mara": 2, "milo": 2}


async def test_rounds_that_share_mentors_with_seats_for_both_are_both_published(api: RoundsApi) -> None:
    await api.matching.receive(*(mentor(who, enrolments=BOTH, capacity=8) for who in ("mara", "milo")))
    rounds = [await api.solved(), await api.solved(OTHER)]
    for round in rounds:
        assert (await api.act(round, "publish")).status_code == 200
        await api.until(round, "published")
        assert await api.states(round) == {"opened": 4}


async def test_a_round_frozen_before_another_of_its_programme_was_published_is_refused(api: RoundsApi) -> None:
    """Such rounds were opened by earlier versions."""
    rounds = api.matching.database["rounds"]
    older = await api.solved()
    await rounds.update_one({"_id": older}, {"$set": {"state": "dropped", "tidied": True}})
    newer = await api.solved()
    await rounds.update_one({"_id": older}, {"$set": {"state": "pending"}})
    assert (await api.act(newer, "publish")).status_code == 200
    await api.until(newer, "published")
    refused = await api.act(older, "publish")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:round_outdated")


async def test_a_mentee_of_a_lapsed_pair_waits_in_order_and_no_repair_precedes_them(api: RoundsApi) -> None:
    first = await api.solved()
    await api.matching.receive(mentor("mara", enrolments=BOTH, capacity=0))
    await api.act(first, "publish")
    await api.until(first, "published")
    assert await api.states(first) == {"opened": 2, "lapsed": 2}
    assert [entry["position"] for entry in await api.waitlist(first)] == [1, 2]
    assert await api.matching.database["displacements"].count_documents({}) == 0
