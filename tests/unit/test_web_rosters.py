"""The page of a roster, and the form that sends one."""

from typing import Any

from tests.unit.web_kit import FakeServices, ok, page_of, pages, text_of

_COORDINATOR = frozenset({"institution_coordinator"})


def roster(**fields: Any) -> dict[str, Any]:
    counts = {"created": 0, "updated": 1, "unchanged": 0, "refused": 0}
    return {
        "id": "r",
        "section": "mentors",
        "dry_run": False,
        "status": "done",
        "rows": 1,
        "counts": counts,
        "created_at": "2026-12-01T09:00:00Z",
        **fields,
    }


def row(line: int, verdict: str, message: str) -> dict[str, Any]:
    return {"line": line, "verdict": verdict, "reasons": [{"column": "", "message": message}]}


async def test_remarks_on_rows_that_are_imported_are_shown() -> None:
    inactive = row(7, "updated", "was inactive and is active again")
    services = FakeServices({"GET profiles/rosters/r": ok(roster()), "GET profiles/rosters/r/rows": page_of(inactive)})
    async with pages(services, roles=_COORDINATOR, language="de") as site:
        shown = text_of(await site.get("/rosters/r"))
    assert "Hinweise zu anderen Zeilen" in shown
    assert "7 Dieses Profil war nicht aktiv und ist wieder aktiv." in shown


async def test_the_form_asks_for_people_who_come_back_and_for_new_staff_numbers() -> None:
    services = FakeServices({"GET profiles/rosters": page_of()})
    async with pages(services, roles=_COORDINATOR) as site:
        shown = await site.get("/rosters")
    assert 'name="reactivate" value="yes"' in shown.text
    assert 'name="same_person"' in shown.text
