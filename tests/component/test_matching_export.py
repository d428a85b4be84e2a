"""A member's export shows of other people what the member's own GET routes show, field by field, and no more."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.matching.rounds.repository.assignments import place_document
from shared.clock import SystemClock
from tests.component.matching_kit import CARE, NORTH, Matching, asking, mentor

COMPARED = {"lists", "requests", "relationships", "places_in_rounds", "seats_taken", "experience"}
OWN = {"member", "preferences"}
WITHOUT_ANOTHER_PERSON = {
    "hours_given": {"format", "at", "minutes"},
    "rotations": {"side", "institution", "external", "begins", "ends", "void"},
}


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        yield matching


@pytest.fixture
async def with_lists(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer, work=("lists",)) as matching:
        yield matching


async def _shown(matching: Matching, path: str, member: str) -> Any:
    answer = await matching.get(path, member, NORTH)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _of_list(shown: dict[str, Any]) -> dict[str, Any]:
    entries = [{name: item[name] for name in ("mentor", "institution", "rank")} for item in shown["items"]]
    unmatched = shown["unmatched"]["code"] if "unmatched" in shown else None
    return {"programme": shown["programme"], "unmatched": unmatched, "entries": entries}


def _without_version(exported: dict[str, Any]) -> dict[str, Any]:
    """A list may be renewed between two answers."""
    return {name: value for name, value in exported.items() if name not in {"version", "as_of"}}


def _sorted(items: list[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: str(item[by]))


async def _rating(matching: Matching, relationship: dict[str, Any], member: str) -> list[dict[str, Any]]:
    answer = await matching.get(f"/relationships/{relationship['id']}/experience", member, NORTH)
    return [{"mentor": relationship["mentor"]["member"], **answer.json()}] if answer.is_success else []


async def _shows_what_the_routes_show(matching: Matching, member: str) -> dict[str, Any]:
    exported: dict[str, Any] = await _shown(matching, "/me/export", member)
    assert set(exported) == COMPARED | OWN | set(WITHOUT_ANOTHER_PERSON), "compare the new section here too"
    assert {exported[name]["member"] for name in OWN} == {member}
    for name, fields in WITHOUT_ANOTHER_PERSON.items():
        assert all(set(item) <= fields for item in exported[name])
    requests = (await _shown(matching, "/me/requests", member))["items"]
    requests = [
        {name: value for name, value in request.items() if name not in {"asker", "named"}} for request in requests
    ]
    assert _sorted(exported["requests"], "id") == _sorted(requests, "id")
    relationships = (await _shown(matching, "/me/relationships", member))["items"]
    assert _sorted(exported["relationships"], "id") == _sorted(relationships, "id")
    assert _sorted(exported["places_in_rounds"], "round") == _sorted(
        await _shown(matching, "/me/rounds", member), "round"
    )
    lists = [_of_list(shortlist) for shortlist in await _shown(matching, "/me/suggestions", member)]
    assert [_without_version(shortlist) for shortlist in exported["lists"]] == lists
    seated = [
        relationship
        for relationship in relationships
        if relationship["mentor"]["member"] == member and relationship["state"] in ("active", "paused")
    ]
    assert exported["seats_taken"] == len(seated)
    ratings = [rating for relationship in relationships for rating in await _rating(matching, relationship, member)]
    assert [{name: answer[name] for name in ("mentor", "rating")} for answer in exported["experience"]] == ratings
    return exported


async def _begin(matching: Matching, mentee: str, mentor: str) -> str:
    accepted = await matching.answer_request(mentor, await matching.request_mentor(mentee, mentor), "accept")
    return str(accepted["relationship"])


async def test_the_wish_for_permanent_separation_is_in_no_export(matching: Matching) -> None:
    relationship = await _begin(matching, "ana", "mara")
    closed = await matching.post(
        f"/relationships/{relationship}/close", "mara", reason="goals_reached", never_again=True
    )
    assert closed.status_code == 200
    for member in ("ana", "mara"):
        exported = await _shows_what_the_routes_show(matching, member)
        assert "apart" not in str(exported["relationships"])


async def test_a_conflict_is_exported_without_its_reason(matching: Matching) -> None:
    relationship = await _begin(matching, "ana", "mara")
    found = await matching.database["relationships"].update_one(
        {"_id": relationship}, {"$set": {"conflict": "assessment"}}
    )
    assert found.modified_count == 1
    for member in ("ana", "mara"):
        exported = await _shows_what_the_routes_show(matching, member)
        assert [relationship["conflict"] for relationship in exported["relationships"]] == ["needs_change"]


@pytest.mark.parametrize("reason", ["assessment", "mentor_full", "mentor_left"])
async def test_why_a_request_was_taken_back_is_exported_as_it_is_shown(matching: Matching, reason: str) -> None:
    request = await matching.request_mentor("ana", "mara")
    change = {"state": "withdrawn", "reason": reason, "due_at": None}
    await matching.database["requests"].update_one({"_id": request}, {"$set": change})
    for member in ("ana", "mara"):
        exported = await _shows_what_the_routes_show(matching, member)
        assert [request["reason"] for request in exported["requests"]] == ["not_available"]


async def test_a_lapsed_place_names_neither_the_mentor_nor_their_reason(matching: Matching) -> None:
    now = SystemClock().now()
    mentee, mentor = ({"member": id, "institution": NORTH} for id in ("ben", "mara"))
    head = {"institution": NORTH, "round": "r1", "programme": CARE, "edition": "r1", "at": now}
    line = {"number": 1, "mentee": mentee, "mentor": mentor, "choice": 1, "pinned": False, "reason": None, "opens": []}
    place = place_document({**line, "turn": 1, "since": now.isoformat(), "order": "1"}, head)
    lapsed = {"state": "lapsed", "reason": "no_seat_left", "waits": True, "version": 2}
    await matching.database["places"].insert_one({**place, **lapsed})
    exported = await _shows_what_the_routes_show(matching, "ben")
    [place] = exported["places_in_rounds"]
    assert (place["reason"], place["position"]) == ("not_available", 1)
    assert "mara" not in str(place)


async def test_an_unavailable_mentor_is_not_on_an_exported_list(with_lists: Matching) -> None:
    await with_lists.receive(mentor("milo", capacity=0))
    await with_lists.until_list("ana", "mara")
    [entry] = (await with_lists.list_of("ana"))["entries"]
    stale = {"$push": {"entries": {**entry, "mentor": "milo"}}}
    await with_lists.database["lists"].update_one({"mentee": "ana"}, stale)
    exported = await _shows_what_the_routes_show(with_lists, "ana")
    assert [entry["mentor"] for entry in exported["lists"][0]["entries"]] == ["mara"]


async def test_a_rating_is_in_the_mentees_export_and_not_in_the_mentors(matching: Matching) -> None:
    relationship = await _begin(matching, "ana", "mara")
    await matching.post(f"/relationships/{relationship}/close", "ana", reason="goals_reached")
    token = matching.issuer.token("ana", institution=NORTH, roles=["member"])
    headers = {"authorization": f"Bearer {token}"}
    path = f"/relationships/{relationship}/experience"
    assert (await matching.client.put(path, headers=headers, json={"rating": 4})).status_code == 200
    assert (await _shows_what_the_routes_show(matching, "ana"))["experience"]
    assert (await _shows_what_the_routes_show(matching, "mara"))["experience"] == []
