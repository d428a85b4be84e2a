"""The page of a roster, and the form that sends one."""

from typing import Any

from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

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


async def test_an_import_is_undone_and_what_stays_is_listed() -> None:
    undoable = roster(undo_until="2026-12-02T09:00:00Z")
    answers = {"GET profiles/rosters/r/rows": page_of(), "POST profiles/rosters/r/undo": ok(undoable)}
    async with pages(FakeServices({**answers, "GET profiles/rosters/r": ok(undoable)}), roles=_COORDINATOR) as site:
        shown = text_of(await site.get("/rosters/r"))
        asked = await site.post("/rosters/r")
    assert "This is possible until 2 December 2026, 09:00." in shown
    assert (asked.status_code, asked.headers["location"]) == (303, "/rosters/r")
    after = roster(status="undone", undone=3, left=1)
    left = {**row(7, "updated", ""), "member": "ada", "reasons": []}
    answers = {"GET profiles/rosters/r": ok(after), "GET profiles/rosters/r/rows": page_of(left)}
    async with pages(FakeServices(answers), roles=_COORDINATOR) as site:
        page = await site.get("/rosters/r")
    assert "3 rows are undone. 1 row stays, because the person was changed since:" in text_of(page)
    assert 'href="/members/ada"' in page.text
    assert "Undo this import" not in page.text


async def test_an_import_that_cannot_be_undone_any_more_says_what_to_do() -> None:
    refused = problem(409, "roster_undo_over")
    answers = {"GET profiles/rosters/r/rows": page_of(), "POST profiles/rosters/r/undo": refused}
    async with pages(FakeServices({**answers, "GET profiles/rosters/r": ok(roster())}), roles=_COORDINATOR) as site:
        answer = await site.post("/rosters/r")
    assert "Mend the file and import it again." in text_of(answer)


async def test_refused_rows_are_a_file_with_their_cells_and_what_to_do() -> None:
    titled = roster(titles=["name", "email", "what to do", "line in the refused file"])
    refused = {**row(7, "refused", "must not be empty"), "cells": ["=Ada", "", "mend it", "3"]}
    refused["reasons"][0]["column"] = "email"
    answers = {"GET profiles/rosters/r": ok(titled), "GET profiles/rosters/r/rows": page_of(refused)}
    async with pages(FakeServices(answers), roles=_COORDINATOR, language="de") as site:
        answer = await site.get("/rosters/r/refused.csv")
    assert answer.content.decode("utf-8-sig").splitlines() == [
        "name,email,line in the refused file,what to do",
        "'=Ada,,7,email: Füllen Sie das aus.",
    ]
