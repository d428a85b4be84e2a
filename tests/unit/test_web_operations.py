"""Operators see what runs and what waits in every service, and retry or drop a parked record with a reason."""

from typing import Any

from pydantic import BaseModel

from services.web.clients import operations
from shared import operating
from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

_OPERATOR = frozenset({"operator"})
_ISSUER = {"issuer": "https://login.x.example", "audience": ["preceptor"], "institutions": ["*"]}
_RECORD = {
    "id": "r1",
    "consumer": "matching.mentoring",
    "topic": "profiles.events",
    "partition": 0,
    "offset": 12,
    "reason": "unreadable",
    "attempts": 3,
    "parked_at": "2026-11-30T09:00:00Z",
    "retry_at": None,
    "has_key": True,
    "behind": 2,
}


def overview(service: str, **changed: Any) -> Any:
    return ok(
        {
            "service": service,
            "not_ready": {},
            "stalled": {},
            "lag": {"matching.mentoring": 7},
            "oldest_fact_seconds": 0.25,
            "held_facts": 0,
            "parked": [],
            "issuers": [_ISSUER | {"may_name_operators": True}],
            **changed,
        }
    )


_ANSWERS = {
    "GET profiles/operations": overview("profiles"),
    "GET matching/operations": overview(
        "matching", parked=[{"consumer": "matching.mentoring", "reason": "unreadable", "count": 3}]
    ),
    "GET mentorships/operations": overview("mentorships", stalled={"mentorships.reactions": "no progress for 61 s"}),
    "GET matching/operations/parked": page_of(_RECORD),
    "PUT matching/operations/parked/r1/retry": (204, None),
    "DELETE matching/operations/parked/r1": (204, None),
}


async def test_one_page_shows_all_services_and_which_does_not_answer() -> None:
    services = FakeServices(_ANSWERS, down=frozenset({"notifications"}))
    async with pages(services, roles=_OPERATOR) as site:
        shown = text_of(await site.get("/operations"))
    assert "The inbox cannot be reached" in shown
    assert "matching.mentoring: 7" in shown
    assert "3 \u00d7 unreadable" in shown
    assert "No progress: mentorships.reactions" in shown
    assert shown.count("https://login.x.example") == 1


async def test_a_record_is_retried_or_dropped_with_a_reason() -> None:
    services = FakeServices(_ANSWERS)
    async with pages(services, roles=_OPERATOR) as site:
        listed = text_of(await site.get("/operations/matching"))
        without = await site.post("/operations/matching/r1", command="drop", reason=" ")
        assert not services.has_received("DELETE matching/operations/parked/r1")
        dropped = await site.post("/operations/matching/r1", command="drop", reason="Wrong test data.")
        retried = await site.post("/operations/matching/r1", command="retry")
    assert "profiles.events / 0 / 12" in listed
    assert without.status_code == 422
    assert '<a href="#reason">' in without.text
    assert dropped.headers["location"] == retried.headers["location"] == "/operations/matching"
    assert services.has_received("DELETE matching/operations/parked/r1")
    assert services.has_received("PUT matching/operations/parked/r1/retry")


async def test_a_record_behind_another_says_what_to_do_first() -> None:
    waits = {"PUT matching/operations/parked/r1/retry": problem(409, "record_waits")}
    async with pages(FakeServices(_ANSWERS | waits), roles=_OPERATOR) as site:
        answer = await site.post("/operations/matching/r1", command="retry")
    assert answer.status_code == 422
    assert "waits behind another record" in text_of(answer)


async def test_the_pages_are_for_operators_and_for_known_services() -> None:
    async with pages(FakeServices(_ANSWERS), roles=frozenset({"institution_coordinator"})) as site:
        for path in ("/operations", "/operations/matching", "/operations/matching/r1"):
            assert (await site.get(path)).status_code == 403
    async with pages(FakeServices(_ANSWERS), roles=_OPERATOR) as site:
        assert (await site.get("/operations/elsewhere")).status_code == 404
        assert (await site.get("/operations/matching/unknown")).status_code == 404


def test_pages_read_only_what_the_services_answer() -> None:
    pairs: list[tuple[type[BaseModel], type[BaseModel]]] = [
        (operations.Overview, operating.OperationsRead),
        (operations.Issuer, operating.IssuerRead),
        (operations.ParkedCount, operating.ParkedCount),
        (operations.Parked, operating.ParkedRead),
    ]
    for read, answered in pairs:
        assert set(read.model_fields) <= set(answered.model_fields)


async def test_an_operator_makes_an_unknown_topic_a_term() -> None:
    unknown = ok({"names": [{"name": "sepsis-care", "members": 7, "nearest": ["sepsis"]}]})
    services = FakeServices({"GET profiles/vocabulary/unknown": unknown, "POST profiles/vocabulary/terms": (201, {})})
    async with pages(services, roles=_OPERATOR) as site:
        page = await site.get("/vocabulary?name=sepsis-care")
        empty = await site.post("/vocabulary", kind="topic", english=" ")
        added = await site.post(
            "/vocabulary", kind="topic", english="Sepsis care", german="Sepsis", names="sepsis-care\n"
        )
    assert "Written by 7 people · Similar terms: sepsis" in text_of(page)
    assert 'value="Sepsis care"' in page.text
    assert (empty.status_code, added.status_code) == (422, 303)
    assert services.sent("POST profiles/vocabulary/terms") == {
        "id": "sepsis-care",
        "kind": "topic",
        "labels": {"en": "Sepsis care", "de": "Sepsis"},
        "other_names": ["sepsis-care"],
    }


async def test_only_an_operator_sees_the_vocabulary_page() -> None:
    async with pages(FakeServices({}), roles=frozenset({"institution_coordinator"})) as site:
        assert (await site.get("/vocabulary")).status_code == 403
