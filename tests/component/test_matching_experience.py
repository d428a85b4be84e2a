"""What mentees say of their mentors, on a real MongoDB: once, unseen, counted together, erased with who said it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.matching.feedback.documents import in_groups
from shared.mongo import Document
from tests.component.matching_kit import CARE, NORTH, SOUTH, Matching, asking, mentee, mentor
from tests.eventually import eventually

MANY = ("ana", "ben", "cleo", "dora")


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    """Mara has seats for many; of mila her mentees say 3, so that it can be better than usual."""
    async with asking(mongo_uri, kafka_bootstrap, issuer) as matching:
        await matching.join(mentor("mara", capacity=9), mentee("cleo"), mentee("dora"), mentee("eve"))
        usual = {"institution": NORTH, "parties": [], "level": 50, "answers": 300, "total": 900, "version": 1}
        await matching.database["experiences"].insert_one({"_id": "mila", "event": "e", "correlation": "c", **usual})
        yield matching


async def mentored(matching: Matching, who: str) -> str:
    answer = await matching.answer_request("mara", await matching.request_mentor(who, "mara"), "accept")
    return str(answer["relationship"])


async def send_rating(
    matching: Matching, who: str, relationship: str, rating: int, *, role: str = "member"
) -> httpx.Response:
    token = matching.issuer.token(who, institution=NORTH, roles=(role,))
    path, headers = f"/relationships/{relationship}/experience", {"authorization": f"Bearer {token}"}
    return await matching.client.put(path, json={"rating": rating}, headers=headers)


async def rate_mentoring(matching: Matching, who: str, rating: int) -> str:
    relationship = await mentored(matching, who)
    answer = await send_rating(matching, who, relationship, rating)
    assert (answer.status_code, answer.json()) == (200, {"rating": rating})
    return relationship


async def level_of(matching: Matching, who: str) -> Document:
    """What Eve's list, the one that is looked at, counts of mara's mentees."""
    entries = (await matching.list_of(who)).get("entries", [])
    return {entry["mentor"]: entry["contributions"]["experience"] for entry in entries}


async def test_an_answer_is_given_only_once_and_seen_by_the_mentee_alone(matching: Matching) -> None:
    relationship = await rate_mentoring(matching, "ana", 2)
    assert (await send_rating(matching, "ana", relationship, 2)).status_code == 200
    again = await send_rating(matching, "ana", relationship, 5)
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:experience_said")
    assert (await matching.get(f"/relationships/{relationship}/experience", "ana", NORTH)).json() == {"rating": 2}
    for who, role, status in (("mara", "member", 403), ("ben", "member", 404), ("carla", "coordinator", 403)):
        assert (await send_rating(matching, who, relationship, 1, role=role)).status_code == status
        seen = await matching.get(f"/relationships/{relationship}/experience", who, NORTH, role)
        assert seen.status_code == status, who
    for who, role in (("mara", "member"), ("carla", "coordinator"), ("ana", "member")):
        assert "rating" not in (await matching.get(f"/relationships/{relationship}", who, NORTH, role)).text
    assert not [data for _, data in await matching.facts() if "rating" in data]


async def test_a_mentee_counts_once_however_many_mentorings_the_pair_had(matching: Matching) -> None:
    first = await rate_mentoring(matching, "ana", 1)
    closed = await matching.post(f"/relationships/{first}/close", "ana", reason="moved_on")
    assert closed.status_code == 200, closed.text
    second = await mentored(matching, "ana")
    assert (await send_rating(matching, "ana", second, 5)).status_code == 409
    assert (await matching.get(f"/relationships/{second}/experience", "ana", NORTH)).json() == {"rating": 1}
    assert await matching.database["experience_answers"].count_documents({}) == 1


async def test_three_answers_together_change_lists_and_two_do_not(matching: Matching) -> None:
    for who, rating in (("ana", 2), ("ben", 3)):
        await rate_mentoring(matching, who, rating)
    assert await matching.database["experiences"].count_documents({"_id": "mara"}) == 0
    await rate_mentoring(matching, "cleo", 2)

    async def counts() -> bool:
        return (await level_of(matching, "eve")).get("mara") == 25 * 20

    await eventually(counts, message="mara's mentees count in Eve's list")
    assert (await level_of(matching, "eve"))["milo"] == 50 * 20
    seen = (await matching.get("/me/suggestions", "eve", NORTH)).json()
    assert "experience" not in str(seen), "neither number nor name of it is shown"


async def test_a_mentor_is_compared_with_all_others_without_counting_double(matching: Matching) -> None:
    await matching.database["experiences"].delete_one({"_id": "mila"})
    await matching.join(mentee("fay"))
    for who, rating in (("ana", 5), ("ben", 5), ("cleo", 5), ("dora", 1), ("eve", 1), ("fay", 1)):
        await rate_mentoring(matching, who, rating)
    known = await matching.database["experiences"].find_one({"_id": "mara"})
    assert known is not None
    assert (known["answers"], known["level"]) == (6, 50), "of nobody else anything was said: this is what is usual"


async def test_concurrent_answers_are_all_counted(matching: Matching) -> None:
    opened = {who: await mentored(matching, who) for who in MANY}
    answers = await asyncio.gather(*(send_rating(matching, who, opened[who], 5) for who in (*MANY, *MANY)))
    assert [answer.status_code for answer in answers] == [200] * 8
    known = await matching.database["experiences"].find_one({"_id": "mara"})
    assert known is not None
    assert (known["answers"], known["total"], known["version"]) == (3, 14, 1)
    assert await matching.database["experience_answers"].count_documents({"group": None}) == 1


async def test_an_erasure_deletes_a_mentees_answer_and_all_answers_about_a_mentor(matching: Matching) -> None:
    for who in ("ana", "ben", "cleo"):
        await rate_mentoring(matching, who, 1)
    await matching.erase(mentee("ana"))
    await eventually(matching.departures_are_handled)
    answers = matching.database["experience_answers"]
    assert await answers.distinct("parties") == ["ben", "cleo"]
    known = await matching.database["experiences"].find_one({"_id": "mara"})
    assert known is not None
    assert (known["level"], known["answers"], known["total"]) == (50, 0, 0), "two are too few to say anything of"
    await rate_mentoring(matching, "dora", 1)
    again = await matching.database["experiences"].find_one({"_id": "mara"})
    assert again is not None
    assert (again["level"], again["answers"], again["version"]) == (0, 3, 3)

    await matching.erase(mentor("mara"))
    await eventually(matching.departures_are_handled)
    assert await answers.count_documents({}) == 0
    assert await matching.database["experiences"].count_documents({"_id": "mara"}) == 0


async def test_no_answer_can_be_given_about_an_erased_member(matching: Matching) -> None:
    relationship = await mentored(matching, "ana")
    await matching.erase(mentor("mara"))
    await eventually(matching.departures_are_handled)
    answer = await send_rating(matching, "ana", relationship, 5)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    assert await matching.database["experience_answers"].count_documents({}) == 0


async def test_another_institution_s_member_finds_no_such_relationship(matching: Matching) -> None:
    relationship = await mentored(matching, "ana")
    await matching.join(mentee("sid", SOUTH))
    seen = await matching.get(f"/relationships/{relationship}/experience", "sid", SOUTH)
    assert (seen.status_code, CARE in seen.text) == (404, False)


async def test_an_answer_must_be_a_whole_number_from_one_to_five(matching: Matching) -> None:
    wrong: list[Any] = [True, 1.0, "1", 0, 6, None, 10**400]
    statuses = {str(value)[:9]: (await send_rating(matching, "ana", "any", value)).status_code for value in wrong}
    assert set(statuses.values()) <= {400, 422}, statuses


async def test_dissolved_groups_are_found_without_reading_every_answer(matching: Matching) -> None:
    plan = await matching.database.command("explain", {"find": "experience_answers", "filter": in_groups(["g"])})
    assert "of_group" in str(plan["queryPlanner"]["winningPlan"])
