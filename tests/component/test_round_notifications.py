"""What a round that is published sends to a mentee's inbox: that a mentor was found, and nothing of the list."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from tests.component.matching_kit import NORTH, institution, mentee, mentor, programme, running
from tests.component.rounds_api import RoundsApi
from tests.eventually import eventually

MENTEES = ("ana", "ben", "cleo", "dora")


@pytest.fixture
async def api(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[RoundsApi]:
    """Two mentors of two seats, and four mentees, each of whom has both on the list."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("lists", "solving", "publishing")) as matching:
        await matching.receive(institution(NORTH), programme())
        await matching.join(mentor("mara"), mentor("milo"))
        await matching.join(*map(mentee, MENTEES))
        yield RoundsApi(matching, tmp_path)


async def lists_are(api: RoundsApi, length: int) -> bool:
    lists = await api.matching.database["lists"].find().to_list(None)
    return [len(shortlist["entries"]) for shortlist in lists] == [length] * len(MENTEES)


async def notified_of(api: RoundsApi) -> list[tuple[str, str, dict[str, Any]]]:
    """Who, of which fact."""
    facts = await api.matching.facts("suggestions.changed", "relationship.opened")
    return [(to["member"], name, data) for name, data in facts for to in data["recipients"]]


async def test_matched_mentees_are_notified_of_their_mentor_once_and_of_no_empty_list(api: RoundsApi) -> None:
    await eventually(lambda: lists_are(api, 2), message="everybody has a list")
    before = len(await notified_of(api))
    round = await api.published()
    assert await api.states(round) == {"opened": 4}
    await eventually(lambda: lists_are(api, 0), within=60, message="no mentor has a seat left")

    since = [(who, name) for who, name, _ in (await notified_of(api))[before:]]
    assert sorted(fact for fact in since if fact[0] in MENTEES) == [
        (mentee, "relationship.opened") for mentee in MENTEES
    ]
    silent = [data for _, data in await api.matching.facts("suggestions.changed") if data["unmatched"]]
    assert {data["mentee"] for data in silent} == set(MENTEES)
    assert {data["suppressed"] for data in silent} <= {"has_mentor", "matched_in_round"}


async def test_an_unmatched_mentee_is_still_notified_when_mentors_leave(api: RoundsApi) -> None:
    await eventually(lambda: lists_are(api, 2), message="everybody has a list")
    exclusions = [{"mentee": "ana", "mentor": who} for who in ("mara", "milo")]
    await api.matching.receive(mentor("mara", capacity=1))
    await api.published(exclusions=exclusions)
    await eventually(lambda: lists_are(api, 0), within=60, message="no mentor has a seat left")
    *_, last = [data for who, name, data in await notified_of(api) if (who, name) == ("ana", "suggestions.changed")]
    assert last["unmatched"] == "not_available", "capacity is private: see docs/matching.md"
