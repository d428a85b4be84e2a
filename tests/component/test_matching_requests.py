"""Requests and answers over HTTP on a real MongoDB: permissions, stored data, notifications, effects on lists."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from tests.component.matching_kit import (
    CARE,
    NORTH,
    SOUTH,
    Matching,
    asking,
    mentee,
    mentor,
    running,
    signed_in,
)
from tests.eventually import eventually

ANA, MARA = {"member": "ana", "institution": NORTH}, {"member": "mara", "institution": NORTH}


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer) as matching:
        yield matching


async def test_a_request_is_made_seen_by_both_and_accepted(matching: Matching) -> None:
    made = await matching.post("/mentees/ana/requests", "ana", programme=CARE, mentor="mara", message="May I?")
    assert (made.status_code, made.json()["state"], made.headers["etag"]) == (201, "pending", '"1"')
    request = made.json()["id"]
    assert made.headers["location"] == f"/requests/{request}"
    [seen] = (await matching.get("/me/requests", "mara", NORTH, side="mentor", state="pending")).json()["items"]
    assert (seen["id"], seen["message"], seen["named"]) == (request, "May I?", True)

    accepted = await matching.answer_request("mara", request, "accept")

    assert (accepted["state"], await matching.seats()) == ("accepted", {"mara": 1})
    [relationship] = (await matching.get("/me/relationships", "ana", NORTH)).json()["items"]
    assert (relationship["id"], relationship["state"]) == (accepted["relationship"], "active")
    facts = await matching.facts()
    assert [(name, data["recipients"]) for name, data in facts] == [
        ("request.made", [MARA]),
        ("request.accepted", [ANA]),
        ("relationship.opened", []),
    ]
    assert "May I?" not in str(await matching.events())


async def test_an_accepted_mentee_has_no_other_pending_request_in_the_programme(matching: Matching) -> None:
    first, second = await matching.request_mentor("ana", "mara"), await matching.request_mentor("ana", "milo")
    await matching.answer_request("mara", first, "accept")
    [(_, data)] = await matching.facts("request.withdrawn")
    assert (data["request"], data["reason"], [recipient["member"] for recipient in data["recipients"]]) == (
        second,
        "matched_elsewhere",
        ["milo"],
    )
    refused = await matching.post(f"/requests/{second}/accept", "milo")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:request_not_pending")


async def test_a_mentor_has_one_pending_request_of_a_mentee_and_a_key_makes_one_request(matching: Matching) -> None:
    body = {"programme": CARE, "mentor": "mara", "message": "May I?"}
    sent = [await matching.post("/mentees/ana/requests", "ana", key="one", **body) for _ in range(2)]
    assert sent[0].json() == sent[1].json()
    again = await matching.post("/mentees/ana/requests", "ana", **body)
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:already_asked")
    assert await matching.database["requests"].count_documents({}) == 1


async def test_every_private_reason_is_shown_to_the_mentee_as_one_code(matching: Matching) -> None:
    people = {
        "never": (mentor("never"), {"never": ("ana",)}),
        "paused": (mentor("paused", paused=True), {}),
        "full": (mentor("full", capacity=0), {}),
        "far": (mentor("far", SOUTH), {}),
        "mute": (mentor("mute", languages=("fi",)), {}),
    }
    for who, private in people.values():
        await matching.receive(who, signed_in(who, **private))
    codes = {}
    for other in (*people, "nobody", "ben"):
        answer = await matching.send_request("ana", other)
        codes[other] = (answer.status_code, answer.json()["type"].rpartition(":")[2])
    assert codes == {
        **dict.fromkeys(people, (409, "not_available")),
        "nobody": (404, "mentor_not_found"),
        "ben": (404, "mentor_not_found"),
    }


async def test_the_hard_rules_are_checked_again_when_a_request_is_accepted(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    """Also where nothing has withdrawn the request yet: the worker that does is not running here."""
    async with asking(mongo_uri, kafka_bootstrap, issuer, work=("due",)) as matching:
        request = await matching.request_mentor("ana", "mara")
        await matching.receive(signed_in(mentee("ana"), never=("mara",)))
        refused = await matching.post(f"/requests/{request}/accept", "mara")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:not_available")
        assert await matching.seats() == {}


@pytest.mark.parametrize(
    ("path", "subject", "home"),
    [
        ("/mentees/ana/requests", "ben", NORTH),
        ("/mentees/ana/requests", "ana", SOUTH),
        ("/requests/{id}/accept", "ana", NORTH),
        ("/requests/{id}/accept", "milo", NORTH),
        ("/requests/{id}/accept", "mara", SOUTH),
        ("/requests/{id}/decline", "ben", NORTH),
        ("/requests/{id}/withdraw", "mara", NORTH),
        ("/requests/nothing/accept", "mara", NORTH),
    ],
)
async def test_no_member_acts_for_another(matching: Matching, path: str, subject: str, home: str) -> None:
    request = await matching.request_mentor("ana", "mara")
    body = {"programme": CARE, "mentor": "milo", "message": ""} if path.startswith("/mentees") else {}
    answer = await matching.post(path.format(id=request), subject, home, **body)
    assert answer.status_code == 404, answer.text
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 1


async def test_a_request_is_unknown_to_other_tenants_and_other_members(matching: Matching) -> None:
    request = await matching.request_mentor("ana", "mara")
    for subject, home, role in (("ben", NORTH, "member"), ("ana", SOUTH, "member"), ("carla", SOUTH, "coordinator")):
        known = await matching.get(f"/requests/{request}", subject, home, role)
        unknown = await matching.get("/requests/nothing", subject, home, role)
        assert (known.status_code, known.json()) == (404, unknown.json())
    of_south = await matching.get(f"/programmes/{CARE}/requests", "carla", SOUTH, "coordinator")
    assert of_south.json()["items"] == []


async def test_a_coordinator_sees_pairs_states_and_reason_codes_only(matching: Matching) -> None:
    request = await matching.request_mentor("ana", "mara")
    await matching.answer_request("mara", request, "decline", reason="no_time")
    page = await matching.get(f"/programmes/{CARE}/requests", "carla", NORTH, "coordinator")
    shown = await matching.get(f"/requests/{request}", "carla", NORTH, "coordinator")
    assert page.json()["items"] == [shown.json()]
    assert (shown.json()["state"], shown.json()["reason"]) == ("declined", "no_time")
    assert "message" not in shown.json()
    refused = await matching.get(f"/programmes/{CARE}/requests", "carla", NORTH, "coordinator", programmes=["other"])
    assert refused.status_code == 403


async def test_across_institutions_both_are_notified_without_names_before_acceptance(matching: Matching) -> None:
    await matching.join(mentor("far", SOUTH, across_institutions=True), mentee("out", across_institutions=True))
    request = await matching.request_mentor("out", "far")
    assert not (await matching.get(f"/requests/{request}", "far", SOUTH)).json()["named"]
    await matching.answer_request("far", request, "accept", SOUTH)
    assert (await matching.get(f"/requests/{request}", "out", NORTH)).json()["named"]
    [item] = (await matching.get(f"/programmes/{CARE}/relationships", "carla", SOUTH, "coordinator")).json()["items"]
    assert item["mentee"] == {"member": "out", "institution": NORTH}


async def test_only_the_mentor_sees_the_card_of_the_requesting_mentee(matching: Matching) -> None:
    await matching.join(mentee("cleo", topics_wanted=("research", "careers"), stage="fellow", languages=("en", "fi")))
    request = await matching.request_mentor("cleo", "mara")
    card = {
        "named": True,
        "stage": "fellow",
        "specialty": "cardiology",
        "topics": ["careers", "research"],
        "languages": ["en", "fi"],
        "formats": ["video"],
    }
    path = f"/requests/{request}"
    assert (await matching.get(path, "mara", NORTH)).json()["asker"] == card
    [listed] = (await matching.get("/me/requests", "mara", NORTH)).json()["items"]
    assert listed["asker"] == card
    assert "asker" not in (await matching.get(path, "cleo", NORTH)).json()
    assert "asker" not in (await matching.get(path, "carla", NORTH, "coordinator")).json()
    await matching.answer_request("mara", request, "decline")
    assert "asker" not in (await matching.get(path, "mara", NORTH)).json()


async def test_a_card_across_institutions_is_nameless_until_acceptance_and_ends_with_erasure(
    matching: Matching,
) -> None:
    out = mentee("out", across_institutions=True)
    await matching.join(mentor("far", SOUTH, across_institutions=True), out)
    request = await matching.request_mentor("out", "far")
    seen = (await matching.get(f"/requests/{request}", "far", SOUTH)).json()
    assert (seen["asker"]["named"], seen["asker"]["stage"], seen["mentee"]["institution"]) == (False, "resident", NORTH)
    await matching.answer_request("far", request, "accept", SOUTH)
    assert (await matching.get(f"/requests/{request}", "far", SOUTH)).json()["asker"]["named"]
    await matching.erase(out)
    assert "asker" not in (await matching.get(f"/requests/{request}", "far", SOUTH)).json()


async def test_pages_are_the_newest_first_and_complete(matching: Matching) -> None:
    made = [await matching.request_mentor("ana", who) for who in ("mara", "milo")]
    await matching.join(mentor("max"))
    made.append(await matching.request_mentor("ana", "max"))
    seen, cursor = [], {}
    for _ in range(4):
        page = (await matching.get("/me/requests", "ana", NORTH, limit=1, **cursor)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = {"cursor": page.get("next")}
        if not page.get("next"):
            break
    assert seen == made[::-1]
    for broken in ("nonsense", "MQ", "WyJ4IiwieSJd"):
        assert (await matching.get("/me/requests", "ana", NORTH, cursor=broken)).status_code == 422


async def test_an_answer_to_an_older_version_is_refused_and_answering_again_changes_nothing(matching: Matching) -> None:
    request = await matching.request_mentor("ana", "mara")
    stale = await matching.post(f"/requests/{request}/decline", "mara", version=7)
    assert stale.status_code == 412
    first = await matching.post(f"/requests/{request}/decline", "mara", version=1)
    again = await matching.post(f"/requests/{request}/decline", "mara")
    assert (first.headers["etag"], again.json()) == ('"2"', first.json())
    assert len(await matching.facts("request.declined")) == 1
    late = await matching.post(f"/requests/{request}/accept", "mara")
    assert (late.status_code, late.json()["type"]) == (409, "urn:preceptor:problem:request_not_pending")


@pytest.mark.parametrize(
    "body",
    [
        {"programme": CARE, "mentor": "mara", "message": "x" * 2001},
        {"programme": CARE, "mentor": "mara", "message": "\ud800"},
        {"programme": CARE, "mentor": "ma ra", "message": ""},
        {"programme": CARE, "mentor": "mara"},
    ],
)
async def test_an_invalid_body_is_refused(matching: Matching, body: dict[str, Any]) -> None:
    answer = await matching.post("/mentees/ana/requests", "ana", **body)
    assert answer.status_code == 422, answer.text


async def test_a_full_mentor_leaves_the_lists_and_a_freed_seat_brings_them_back(matching: Matching) -> None:
    await eventually(lambda: _suggested(matching, "ben", {"mara", "milo"}))
    request = await matching.request_mentor("ana", "mara")
    accepted = await matching.answer_request("mara", request, "accept")
    await eventually(lambda: _suggested(matching, "ben", {"milo"}))
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    shown = (await matching.get("/mentees/ana/suggestions", "ana", NORTH, programme=CARE)).json()
    assert [item["mentor"] for item in shown["items"]] == ["milo"]
    closed = await matching.post(f"/relationships/{accepted['relationship']}/close", "ana", reason="goals_reached")
    assert closed.json()["state"] == "closed"
    await eventually(lambda: _suggested(matching, "ben", {"mara", "milo"}))
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    assert await matching.seats() == {}
    [(_, data)] = await matching.facts("relationship.closed")
    assert (data["reason"], data["recipients"]) == ("goals_reached", [MARA])


async def _suggested(matching: Matching, who: str, mentors: set[str]) -> bool:
    return set(await matching.mentors_of(who) or ()) == mentors


async def test_relationships_and_requests_are_known_after_a_restart(
    matching: Matching, mongo_uri: str, kafka_bootstrap: str
) -> None:
    declined = await matching.request_mentor("ana", "milo")
    await matching.answer_request("milo", declined, "decline")
    await matching.answer_request("mara", await matching.request_mentor("ben", "mara"), "accept")
    database = matching.database.name
    async with running(mongo_uri, kafka_bootstrap, matching.issuer, coalesce_seconds=0.05, database=database) as other:
        await other.join(mentee("cleo"))
        await eventually(lambda: _suggested(other, "cleo", {"milo"}), within=20)
        await eventually(lambda: _suggested(other, "ana", set()), within=20)


async def test_a_pause_keeps_the_seat_and_notifies_the_other_person(matching: Matching) -> None:
    accepted = await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    path = f"/relationships/{accepted['relationship']}"
    assert (await matching.post(f"{path}/pause", "mara", version=1)).json()["state"] == "paused"
    assert await matching.seats() == {"mara": 1}
    again = await matching.post(f"{path}/pause", "ben")
    assert again.status_code == 404
    assert (await matching.post(f"{path}/resume", "ana")).headers["etag"] == '"3"'
    published = [(name, data["recipients"]) for name, data in await matching.facts() if name.startswith("relationship")]
    assert published == [("relationship.opened", []), ("relationship.paused", [ANA]), ("relationship.resumed", [MARA])]


async def test_a_message_is_stored_privately_and_its_key_finds_its_request(
    matching: Matching,
) -> None:
    body = {"programme": CARE, "mentor": "mara", "message": "I failed twice."}
    first = await matching.post("/mentees/ana/requests", "ana", key="once", **body)
    again = await matching.post("/mentees/ana/requests", "ana", key="once", **body)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    other = await matching.post("/mentees/ana/requests", "ana", key="once", **{**body, "message": "Another."})
    assert (other.status_code, other.json()["type"]) == (422, "urn:preceptor:problem:idempotency_key_reused")
    accepted = await matching.post(f"/requests/{first.json()['id']}/accept", "mara", key="twice")
    repeated = await matching.post(f"/requests/{first.json()['id']}/accept", "mara", key="twice")
    assert (repeated.status_code, repeated.json()) == (200, accepted.json())
    kept = await matching.database["idempotency"].find().to_list(None)
    assert len(kept) == 2
    assert "failed" not in str(kept)
    assert len(await matching.facts("request.made", "request.accepted")) == 2
