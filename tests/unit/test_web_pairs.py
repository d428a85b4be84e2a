"""Pairs for a coordinator: files with names, adding a pair and ending one by hand."""

import csv
from typing import Any

import httpx

from tests.unit.web_kit import FakeServices, member, ok, page_of, pages, problem, text_of

_COORDINATOR = frozenset({"institution_coordinator"})
_PROGRAMME = {"id": "care", "institution": "st-anna", "name": "First Friday", "status": "active", "weights": {}}
_ADDED, _ENDED = "POST matching/programmes/care/relationships", "POST matching/programmes/care/relationships/p1/end"


def pair(id: str = "p1", *, mentor: str = "mo", home: str = "st-anna", **fields: Any) -> dict[str, Any]:
    parties = {
        "mentee": {"member": "ana", "institution": "st-anna"},
        "mentor": {"member": mentor, "institution": home},
    }
    return {"id": id, "programme": "care", "state": "active", "since": "2026-11-01T23:30:00Z", **parties, **fields}


_WAITING = {"mentee": "ana", "reason": {"code": "no_common_language", "explanation": ""}}
_ANSWERS = {
    "GET profiles/programmes": page_of(_PROGRAMME),
    "GET profiles/members": page_of(member("ana", name="=Ana", external_id="007", cohort="PGY-2")),
    "GET profiles/members/mo": ok(member("mo")),
    "GET matching/programmes/care/relationships": page_of(
        pair(),
        pair("p2", mentor="sven", home="south", state="closed", reason="moved_on", closed_at="2026-11-30T09:00:00Z"),
    ),
    "GET matching/programmes/care/unmatched": page_of(_WAITING),
    "GET matching/relationships/p1": ok(pair()),
    _ADDED: ok(pair()),
    _ENDED: ok(pair()),
}


def rows_of(answer: httpx.Response) -> list[list[str]]:
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    return list(csv.reader(answer.content.decode("utf-8-sig").splitlines()))


async def test_pairs_are_a_file_with_names_of_own_members_alone_and_nothing_computed() -> None:
    """Also of those who have left the programme; of another institution's mentor nothing but the institution."""
    async with pages(FakeServices(_ANSWERS), roles=_COORDINATOR) as site:
        header, first, second = rows_of(await site.get("/programmes/care/mentorships.csv"))
    assert header[:5] == [f"mentee_{name}" for name in ("name", "email", "staff_number", "cohort", "institution")]
    ana = ["'=Ana", "ana@st-anna.example", "007", "PGY-2", "st-anna"]
    assert first == [*ana, "Mo", "mo@st-anna.example", "", "", "st-anna", "active", "", "2026-11-01", "", "care", "p1"]
    outside = ["", "", "", "", "south"]
    assert second == [*ana, *outside, "closed", "moved_on", "2026-11-01", "2026-11-30", "care", "p2"]


async def test_who_waits_is_a_file_with_names_and_the_reason_in_words() -> None:
    async with pages(FakeServices(_ANSWERS), roles=_COORDINATOR) as site:
        _, row = rows_of(await site.get("/programmes/care/waiting.csv"))
    assert row[:6] == ["'=Ana", "ana@st-anna.example", "007", "PGY-2", "st-anna", "no_common_language"]
    assert row[6]


async def test_places_of_a_round_are_a_file_with_names() -> None:
    round = {"id": "r", "programme": "care", "target": "fit", "state": "pending", "opened_at": "2026-11-01T09:00:00Z"}
    place = {"mentee": {"member": "ana", "institution": "st-anna"}, "state": "left", "reason": "outranked"}
    answers = _ANSWERS | {"GET matching/rounds/r": ok(round), "GET matching/rounds/r/pairs": page_of(place)}
    async with pages(FakeServices(answers), roles=_COORDINATOR) as site:
        _, row = rows_of(await site.get("/rounds/r/places.csv"))
    assert row == ["'=Ana", "ana@st-anna.example", "007", "PGY-2", "st-anna", *[""] * 5, "left", "outranked"]


async def test_a_pair_is_searched_for_chosen_and_added() -> None:
    services = FakeServices(_ANSWERS)
    async with pages(services, roles=_COORDINATOR) as site:
        found = text_of(await site.get("/programmes/care/pairs/add?mentee=mo&mentor_name=an"))
        incomplete = await site.post("/programmes/care/pairs/add", mentee="ana", mentor="")
        added = await site.post("/programmes/care/pairs/add", mentee="ana", mentor="mo")
    assert "Mo, mo@st-anna.example" in found
    assert "=Ana, ana@st-anna.example" in found
    assert incomplete.status_code == 422
    assert "Choose the mentor." in text_of(incomplete)
    assert (added.status_code, added.headers["location"]) == (303, "/programmes/care/mentorships")
    assert services.sent(_ADDED) == {"mentee": "ana", "mentor": "mo"}


async def test_a_refused_pair_has_its_reason_in_the_readers_language_and_keeps_the_choice() -> None:
    services = FakeServices(_ANSWERS | {_ADDED: problem(409, "mentor_full")})
    async with pages(services, roles=_COORDINATOR, language="de") as site:
        answer = await site.post(
            "/programmes/care/pairs/add", mentee="ana", mentor="mo", mentee_name="an", mentor_name="m"
        )
    assert answer.status_code == 422
    assert "keinen freien Platz" in text_of(answer)
    assert 'value="ana" checked' in answer.text


async def test_a_pair_is_ended_with_a_reason_after_the_page_has_shown_what_follows() -> None:
    services = FakeServices(_ANSWERS)
    async with pages(services, roles=_COORDINATOR) as site:
        shown = text_of(await site.get("/programmes/care/pairs/p1/end"))
        without = await site.post("/programmes/care/pairs/p1/end")
        ended = await site.post("/programmes/care/pairs/p1/end", reason="moved_on")
    assert "This cannot be taken back" in shown
    assert without.status_code == 422
    assert ended.status_code == 303
    assert services.sent(_ENDED) == {"reason": "moved_on"}


async def test_pairs_are_for_coordinators() -> None:
    async with pages(FakeServices(_ANSWERS)) as site:
        for path in ("mentorships.csv", "waiting.csv", "pairs/add", "pairs/p1/end"):
            assert (await site.get(f"/programmes/care/{path}")).status_code == 403
