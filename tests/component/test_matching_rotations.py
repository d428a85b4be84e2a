"""The evaluator firewall on a real MongoDB: rotations reach lists, requests and relationships; time passes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
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
from tests.component.tokens import roles_for
from tests.eventually import eventually

TODAY = datetime.now(UTC).date()
NOW = {"from": str(TODAY), "to": str(TODAY + timedelta(days=28))}
HEADER = "id,assessor,assessed,from,to\n"


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    work = ("lists", "due", "assessments")
    async with running(mongo_uri, kafka_bootstrap, issuer, work=work) as matching:
        await matching.receive(institution(NORTH), institution(SOUTH), programme())
        await matching.join(mentor("mara"), mentor("milo"), mentee("ana"), mentee("ben"), mentor("far", SOUTH))
        await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
        yield matching


async def _suggested(matching: Matching, who: str, mentors: set[str]) -> bool:
    return set(await matching.mentors_of(who) or ()) == mentors


async def _send(
    matching: Matching, method: str, path: str, home: str = NORTH, *, role: str = "integrator", **sent: Any
) -> httpx.Response:
    token = matching.issuer.token("hospital", institution=home, roles=roles_for([role]))
    headers = {"authorization": f"Bearer {token}", "idempotency-key": SystemClock().new_id()}
    return await matching.client.request(method, path, headers=headers, **sent)


async def _assesses(matching: Matching, assessor: str, assessed: str, id: str = "r-1", **days: str) -> None:
    body = {"assessor": assessor, "assessed": assessed, **NOW, **days}
    answer = await _send(matching, "PUT", f"/rotations/{id}", json=body)
    assert answer.status_code == 200, answer.text


async def test_an_evaluator_is_off_the_list_and_cannot_be_asked_until_withdrawn(
    matching: Matching,
) -> None:
    await _assesses(matching, "mara", "ana")
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    refused = await matching.send_request("ana", "mara")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    why = await matching.get("/mentees/ana/why-not/mara", "ana", NORTH, programme=CARE)
    assert why.json()["code"] == "not_available"
    await matching.request_mentor("ben", "mara")
    assert (await _send(matching, "DELETE", "/rotations/r-1")).status_code == 204
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
    await matching.request_mentor("ana", "mara")


async def test_a_rotation_begins_and_ends_by_date_shifted_by_the_programmes_days(matching: Matching) -> None:
    long_ago = {"from": str(TODAY - timedelta(days=300)), "to": str(TODAY - timedelta(days=200))}
    await _assesses(matching, "mara", "ana", **long_ago)
    await eventually(lambda: _counted(matching, "r-1"))
    assert await _suggested(matching, "ana", {"mara", "milo"})
    await matching.receive(programme(assessment_lookback_days=250))
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    await _days_pass(matching, "r-1", 60)
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
    await _assesses(matching, "milo", "ben", "r-2", **{"from": str(TODAY + timedelta(days=400)), "to": "2100-01-01"})
    await eventually(lambda: _counted(matching, "r-2"))
    await _days_pass(matching, "r-2", 40)
    await eventually(lambda: _suggested(matching, "ben", {"mara"}))


async def _counted(matching: Matching, id: str) -> bool:
    found = await matching.database["rotations"].find_one({"external": id})
    return found is not None and (found["due_at"] is None or found["due_at"] > datetime.now(UTC))


async def _days_pass(matching: Matching, id: str, days: int) -> None:
    """For this one: it lies so much further back, and what was due then is due now."""
    [rotation] = await matching.database["rotations"].find({"external": id}).to_list(1)
    moved = {name: rotation[name] - timedelta(days=days) for name in ("begins", "ends", "due_at") if rotation[name]}
    await matching.database["rotations"].update_one({"external": id}, {"$set": moved})


async def test_a_rotation_that_conflicts_with_a_relationship_notifies_and_starts_a_repair(matching: Matching) -> None:
    accepted = await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    asked = await matching.request_mentor("ben", "milo")
    await _assesses(matching, "ana", "mara")
    await _assesses(matching, "milo", "ben", "r-2")
    await eventually(lambda: matching.facts("conflict.detected"))
    await eventually(lambda: matching.facts("request.withdrawn"))
    [(_, found)], [(_, ended)] = [await matching.facts(name) for name in ("conflict.detected", "request.withdrawn")]
    assert (found["relationship"], found["reason"]) == (accepted["relationship"], "assessment")
    assert [recipient["member"] for recipient in found["recipients"]] == ["ana", "mara"]
    assert (ended["request"], ended["reason"]) == (asked, "not_available")
    [displaced] = await matching.database["displacements"].find().to_list(None)
    assert (displaced["_id"], displaced["cause"]) == (accepted["relationship"], "conflict")
    seen = await matching.get(f"/programmes/{CARE}/conflicts", "carla", NORTH, "coordinator")
    assert [(item["id"], item["state"], item["conflict"]) for item in seen.json()["items"]] == [
        (accepted["relationship"], "active", "assessment")
    ]
    for path in (f"/relationships/{accepted['relationship']}", "/me/relationships"):
        own = (await matching.get(path, "ana", NORTH)).json()
        assert own.get("items", [own])[0]["conflict"] == "needs_change"
    await _send(matching, "DELETE", "/rotations/r-1")
    await eventually(lambda: _no_conflict(matching))
    assert await matching.database["displacements"].count_documents({}) == 0
    assert len(await matching.facts("conflict.detected")) == 1


async def _no_conflict(matching: Matching) -> bool:
    seen = await matching.get(f"/programmes/{CARE}/conflicts", "carla", NORTH, "coordinator")
    return seen.json()["items"] == []


async def test_a_pair_with_two_rotations_is_kept_apart_until_both_are_gone(matching: Matching) -> None:
    await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    await _assesses(matching, "mara", "ana")
    await _assesses(matching, "mara", "ana", "r-2")
    await eventually(lambda: matching.facts("conflict.detected"))
    await _send(matching, "DELETE", "/rotations/r-1")
    await eventually(lambda: _counted(matching, "r-1"))
    assert not await _no_conflict(matching)
    await _send(matching, "DELETE", "/rotations/r-2")
    await eventually(lambda: _no_conflict(matching))


async def test_concurrent_acceptance_and_rotation_end_separated_or_in_a_known_conflict(
    matching: Matching,
) -> None:
    for turn in range(5):
        who, whom = f"mentee-{turn}", f"mentor-{turn}"
        await matching.join(mentee(who), mentor(whom))
        request = await matching.request_mentor(who, whom)
        entering = _assesses(matching, whom, who, f"turn-{turn}")
        await asyncio.gather(entering, matching.post(f"/requests/{request}/accept", whom))
        await eventually(lambda turn=turn: _counted(matching, f"turn-{turn}"))
    together = await matching.database["relationships"].find().to_list(None)
    assert all(relationship["conflict"] == "assessment" for relationship in together)


async def test_a_file_has_a_verdict_for_each_row_and_sending_it_again_changes_nothing(matching: Matching) -> None:
    rows = [
        f"a,mara,ana,{NOW['from']},{NOW['to']}",
        f"b,far,ana,{NOW['from']},{NOW['to']}",
        f"c,mara,nobody,{NOW['from']},{NOW['to']}",
        f"d,mara,ben,{NOW['to']},{NOW['from']}",
        "e,mara,ben,soon,later",
        "f,mara",
        f"a,mara,ben,{NOW['from']},{NOW['to']}",
        f"../g,mara,ben,{NOW['from']},{NOW['to']}",
    ]
    file = {"file": ("rotations.csv", (HEADER + "\n".join(rows)).encode(), "text/csv")}
    answer = await _send(matching, "POST", "/rotations/upload", files=file)
    verdicts = [
        (row["line"], row["verdict"], [error["field"] for error in row["errors"]]) for row in answer.json()["rows"]
    ]
    assert verdicts == [
        (2, "created", []),
        (3, "refused", ["assessor"]),
        (4, "refused", ["assessed"]),
        (5, "refused", ["to"]),
        (6, "refused", ["from", "to"]),
        (7, "refused", ["from", "to"]),
        (8, "refused", ["id"]),
        (9, "refused", ["id"]),
    ]
    again = (await _send(matching, "POST", "/rotations/upload", files=file)).json()
    assert (again["created"], again["unchanged"], again["refused"]) == (0, 1, 7)
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))


async def test_a_hospital_names_students_of_its_schools_only(matching: Matching) -> None:
    across = {"across_institutions": True}
    known, body = mentee("ana", sequence=2, **across), {"assessor": "far", "assessed": "ana", **NOW}
    await matching.receive(
        known, mentor("far", SOUTH, sequence=2, **across), institution(SOUTH, exchanges_with=(NORTH,))
    )
    refused = await _send(matching, "PUT", "/rotations/r-1", SOUTH, json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "assessed")
    await matching.receive(institution(NORTH, exchanges_with=(SOUTH,)))
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo", "far"}))
    begun = await matching.answer_request("far", await matching.request_mentor("ana", "far"), "accept", SOUTH)
    assert (await _send(matching, "PUT", "/rotations/r-1", SOUTH, json=body)).status_code == 200
    await eventually(lambda: matching.facts("conflict.detected"))
    seen = await matching.get(f"/programmes/{CARE}/conflicts", "carla", NORTH, "coordinator")
    assert [item["id"] for item in seen.json()["items"]] == [begun["relationship"]]
    assert (await _send(matching, "PUT", "/rotations/r-3", SOUTH, json={**body, "assessed": "ben"})).status_code == 200
    held = {"_id": "ben", "institution": NORTH}
    await eventually(lambda: matching.database["seats"].find_one(held), message="ben is held, as North's")
    others = await _send(matching, "PUT", "/rotations/r-2", SOUTH, json={**body, "assessor": "mara"})
    assert (others.status_code, others.json()["errors"][0]["field"]) == (422, "assessor")
    assert not (await matching.get("/rotations", "carla", NORTH, "coordinator")).json()["items"]


async def test_a_file_that_is_not_a_table_is_refused_as_a_whole(matching: Matching) -> None:
    broken = HEADER.encode() + b'a,"x"y,z,,\n'
    for content in (b"", b"\xff\xfe", b"id,assessor\n", broken, b"\x00" * 100, b"id" * 100_000):
        file = {"file": ("rotations.csv", content, "text/csv")}
        answer = await _send(matching, "POST", "/rotations/upload", files=file)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:preceptor:problem:rotations_unreadable")
    assert await matching.database["rotations"].count_documents({}) == 0


async def test_rotations_are_entered_in_bulk_and_a_refused_one_blocks_no_other(matching: Matching) -> None:
    rotations = [
        {"id": f"r-{assessor}", "assessor": assessor, "assessed": "ana", **NOW} for assessor in ("mara", "far", "milo")
    ]
    answer = await _send(matching, "POST", "/rotations", json={"rotations": rotations})
    assert [row["verdict"] for row in answer.json()["rows"]] == ["created", "refused", "created"]
    page = await matching.get("/rotations", "carla", NORTH, "coordinator", limit=1)
    assert [item["id"] for item in page.json()["items"]] == ["r-mara"]
    rest = await matching.get("/rotations", "carla", NORTH, "coordinator", cursor=page.json()["next"])
    assert [item["id"] for item in rest.json()["items"]] == ["r-milo"]


async def test_another_institutions_people_and_rotations_are_unknown(matching: Matching) -> None:
    await _assesses(matching, "mara", "ana")
    body = {"assessor": "mara", "assessed": "ana", **NOW}
    foreign = await _send(matching, "PUT", "/rotations/r-1", SOUTH, json=body)
    unknown = await _send(matching, "PUT", "/rotations/r-1", SOUTH, json={**body, "assessor": "x", "assessed": "y"})
    assert (foreign.status_code, foreign.json()["errors"]) == (422, unknown.json()["errors"])
    assert (await _send(matching, "DELETE", "/rotations/r-1", SOUTH)).status_code == 404
    assert (await matching.get("/rotations", "carla", SOUTH, "coordinator")).json()["items"] == []
    elsewhere = await matching.get(f"/programmes/{CARE}/conflicts", "carla", SOUTH, "coordinator")
    assert elsewhere.json()["items"] == []
    assert await matching.database["rotations"].count_documents({}) == 1


async def test_a_role_without_permission_is_refused(matching: Matching) -> None:
    entry = {"assessor": "mara", "assessed": "ana", **NOW}
    file = {"file": ("rotations.csv", HEADER.encode(), "text/csv")}
    for method, path, role, sent in (
        ("PUT", "/rotations/r-1", "member", {"json": entry}),
        ("POST", "/rotations", "operator", {"json": {"rotations": [{"id": "r-1", **entry}]}}),
        ("POST", "/rotations/upload", "member", {"files": file}),
        ("DELETE", "/rotations/r-1", "member", {}),
        ("GET", "/rotations", "integrator", {}),
        ("GET", f"/programmes/{CARE}/conflicts", "integrator", {}),
    ):
        answer = await _send(matching, method, path, role=role, **sent)
        assert answer.status_code == 403, (path, answer.text)


async def test_an_erasure_deletes_the_members_rotations(matching: Matching) -> None:
    await _assesses(matching, "mara", "ana")
    await matching.erase(mentee("ana"))
    await eventually(lambda: _none_left(matching))


async def _none_left(matching: Matching) -> bool:
    return await matching.database["rotations"].count_documents({}) == 0
