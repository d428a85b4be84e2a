"""Rounds in which mentees want several mentors and a mentor takes a group or nobody, from members to publication."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from tests.component.matching_kit import NORTH, institution, mentee, mentor, programme, running
from tests.component.rounds_api import RoundsApi

GROUP = {"mentee": "cleo", "mentor": "gail"}
APART = [GROUP, *({"mentee": who, "mentor": "mora"} for who in ("ana", "ben"))]
APART += [{"mentee": who, "mentor": "mara"} for who in ("ben", "cleo")]
WISHES = [
    {"mentee": "ana", "mentors": ["gail", "mara", "milo"]},
    {"mentee": "ben", "mentors": ["gail", "milo"]},
    {"mentee": "cleo", "mentors": ["gail", "mora"]},
]


@pytest.fixture
async def api(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[RoundsApi]:
    """Gail takes three mentees or nobody. Ana wants two mentors, and so does Cleo, who has Milo already."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("solving", "publishing")) as matching:
        await matching.receive(institution(NORTH), programme(admits=(NORTH,)))
        await matching.join(mentor("gail", capacity=4, least_group=3), mentor("mara", capacity=1))
        await matching.join(mentor("milo", capacity=3), mentor("mora", capacity=1))
        await matching.join(mentee("ana", mentors_wanted=2), mentee("ben"), mentee("cleo", mentors_wanted=2))
        await matching.answer_request("milo", await matching.request_mentor("cleo", "milo"), "accept")
        yield RoundsApi(matching, tmp_path)


async def couples(api: RoundsApi, **state: Any) -> set[tuple[str, str]]:
    """Mentee and mentor of each relationship that a round opened."""
    found = api.matching.database["relationships"].find({"round": {"$ne": None}, **state})
    return {(each["mentee"]["member"], each["mentor"]["member"]) async for each in found}


@pytest.mark.parametrize("target", ["fit", "coverage"])
async def test_mentees_get_the_mentors_they_want_and_a_group_too_small_is_closed(api: RoundsApi, target: str) -> None:
    await api.matching.request_mentor("ana", "gail")
    round = await api.solved(target=target, wishes=WISHES, exclusions=APART)
    assert await api.verified(round) == 0
    seen = await api.see(round)
    gail = {"member": "gail", "institution": NORTH}
    assert seen["closed_mentors"] == [{"mentor": gail, "least_group": 3, "would_come": 2}]
    assert (seen["mentees"], seen["places"]) == (3, {"planned": 4})

    await api.act(round, "publish")
    assert (await api.until(round, "published"))["places"] == {"opened": 4}
    assert await couples(api) == {("ana", "mara"), ("ana", "milo"), ("ben", "milo"), ("cleo", "mora")}
    assert await api.matching.seats() == {"mara": 1, "milo": 3, "mora": 1}
    assert await api.waitlist(round) == []
    [(_, published)] = await api.matching.facts("round.published")
    assert (published["mentees"], published["opened"], published["unmatched"]) == (3, 4, 0)
    withdrawn = [data for _, data in await api.matching.facts("request.withdrawn")]
    assert [(data["mentor"]["member"], data["reason"]) for data in withdrawn] == [("gail", "matched_elsewhere")]
    mine = (await api.matching.get("/me/rounds", "ana", NORTH)).json()
    assert [place["state"] for place in mine] == ["opened", "opened"]


async def test_a_group_that_is_large_enough_is_opened(api: RoundsApi) -> None:
    await api.published(wishes=WISHES)
    assert {("ana", "gail"), ("ben", "gail"), ("cleo", "gail")} <= await couples(api)
    assert (await api.matching.seats())["gail"] == 3


async def test_what_a_mentee_wants_is_counted_again_at_publication_and_in_the_next_round(api: RoundsApi) -> None:
    round = await api.solved(wishes=WISHES, exclusions=[GROUP])
    await api.matching.receive(mentee("ana", mentors_wanted=1))
    await api.act(round, "publish")
    await api.until(round, "published")
    assert ("ana", "mara") in await couples(api)
    page = (await api.get(f"/rounds/{round}/pairs", state="lapsed")).json()["items"]
    assert [(pair["mentee"]["member"], pair["reason"]) for pair in page] == [("ana", "matched_elsewhere")]
    assert await api.waitlist(round) == []

    await api.matching.receive(mentee("ana", mentors_wanted=2))
    second = await api.published()
    assert await api.verified(second) == 0
    assert [mentee for mentee, _ in await couples(api, round=second)] == ["ana"]
