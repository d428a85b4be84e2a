"""Pages of visits to schools: planned in two steps, ticked, changed, and recorded with the number of pupils."""

from typing import Any

from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

_PLAN = {
    "starts": "2026-12-08",
    "time": "10:00",
    "zone": "Europe/Berlin",
    "minutes": "90",
    "school": "North School",
    "contact": "Ms Host",
    "kit": "",
}
_SENT = {
    "starts": "2026-12-08T10:00",
    "zone": "Europe/Berlin",
    "minutes": 90,
    "school": "North School",
    "contact": "Ms Host",
    "kit": None,
}
_PLANNING = "POST mentorships/me/outreach-visits"


def visit(**changed: Any) -> dict[str, Any]:
    return {
        "id": "v",
        "state": "planned",
        "starts_at": "2026-12-08T09:00:00Z",
        "ends_at": "2026-12-08T10:30:00Z",
        "minutes": 90,
        "school": "North <School>",
        "contact": "Ms Host",
        "kit": "https://kit.example",
        "checklist": [{"text": "kit", "is_done": True}, {"text": "Bring a skull", "is_done": False}],
        "note": "",
        "possible": ["change", "tick", "cancel"],
        **changed,
    }


async def test_a_visit_is_checked_before_it_is_planned() -> None:
    services = FakeServices({_PLANNING: (201, visit())})
    async with pages(services) as site:
        await site.get("/visits/plan")
        check = text_of(await site.post("/visits/plan", **_PLAN))
        changed = await site.post("/visits/plan", **_PLAN, step="change")
        assert not services.has_received(_PLANNING)
        sent = await site.post("/visits/plan", **_PLAN, step="plan")
    assert "School North School When December 8, 2026, 10:00" in check
    assert 'value="North School"' in changed.text
    assert sent.headers["location"] == "/visits/v"
    assert services.sent(_PLANNING) == _SENT


async def test_an_incomplete_or_refused_visit_keeps_what_was_typed() -> None:
    errors = [{"field": "starts", "message": "must be after now, and within a year"}]
    services = FakeServices({_PLANNING: problem(422, "visit_invalid", errors=errors)})
    async with pages(services, language="de") as site:
        empty = await site.post("/visits/plan", school=" ", starts="soon", time="25:00", minutes="x", contact="Ms Host")
        refused = await site.post("/visits/plan", **_PLAN, step="plan")
    assert [empty.status_code, refused.status_code] == [422, 422]
    for field in ("school", "starts", "time", "minutes"):
        assert f'<a href="#{field}">' in empty.text
    assert "Ms Host</textarea>" in empty.text
    assert '<a href="#starts">Wählen Sie eine Zeit nach jetzt' in refused.text


async def test_the_checklist_shows_codes_in_words_and_is_ticked_extended_and_shortened() -> None:
    ticking = "PUT mentorships/outreach-visits/v/checklist"
    services = FakeServices({"GET mentorships/outreach-visits/v": ok(visit()), ticking: ok(visit())})
    async with pages(services) as site:
        shown = text_of(await site.get("/visits/v"))
        await site.post("/visits/v", command="tick", done="1", new="Ask Ben")
        await site.post("/visits/v", remove="0", done="0")
        unknown = await site.post("/visits/v", command="delete")
    assert "Read the talk kit" in shown
    assert "Bring a skull" in shown
    assert "North <School>" in shown
    first, second = (body["items"] for key, body in services.received if key == ticking)
    assert [(item["text"], item["is_done"]) for item in first] == [
        ("kit", False),
        ("Bring a skull", True),
        ("Ask Ben", False),
    ]
    assert [(item["text"], item["is_done"]) for item in second] == [("Bring a skull", False)]
    assert unknown.status_code == 404


async def test_a_visit_is_edited_in_the_reader_s_time_zone() -> None:
    services = FakeServices(
        {"GET mentorships/outreach-visits/v": ok(visit()), "PUT mentorships/outreach-visits/v": ok({})}
    )
    async with pages(services) as site:
        form = (await site.get("/visits/v/change")).text
        changed = await site.post("/visits/v/change", **_PLAN)
    assert 'value="2026-12-08"' in form
    assert 'value="09:00"' in form
    assert changed.headers["location"] == "/visits/v"
    assert services.sent("PUT mentorships/outreach-visits/v") == _SENT


async def test_a_visit_that_was_changed_elsewhere_is_not_overwritten() -> None:
    services = FakeServices({"PUT mentorships/outreach-visits/v": problem(412, "version_stale")})
    async with pages(services) as site:
        answer = await site.post("/visits/v/change", **_PLAN)
    assert answer.status_code == 422
    assert "This was changed in the meantime." in text_of(answer)


async def test_who_visited_says_how_many_pupils_came_and_notes_what_follows() -> None:
    held = visit(state="held", pupils=24, note="Send slides.", possible=["tick", "note"])
    services = FakeServices(
        {
            "GET mentorships/outreach-visits/v": ok(held),
            "POST mentorships/outreach-visits/v/held": ok(held),
            "PUT mentorships/outreach-visits/v/note": ok(held),
        }
    )
    async with pages(services) as site:
        wrong = await site.post("/visits/v/held", pupils="many", note="Send slides.")
        await site.post("/visits/v/held", pupils="24", note="Send slides.")
        shown = text_of(await site.get("/visits/v"))
        note = await site.get("/visits/v/note")
        await site.post("/visits/v/note", note="Sent.")
    assert wrong.status_code == 422
    assert "Send slides.</textarea>" in wrong.text
    assert services.sent("POST mentorships/outreach-visits/v/held") == {"pupils": 24, "note": "Send slides."}
    assert "Pupils 24" in shown
    assert "Send slides.</textarea>" in note.text
    assert services.sent("PUT mentorships/outreach-visits/v/note") == {"note": "Sent."}


async def test_a_visit_that_does_not_take_place_is_cancelled() -> None:
    services = FakeServices(
        {
            "GET mentorships/outreach-visits/v": ok(visit()),
            "POST mentorships/outreach-visits/v/cancel": ok(visit(state="cancelled")),
        }
    )
    async with pages(services) as site:
        cancelled = await site.post("/visits/v", command="cancel")
    assert cancelled.headers["location"] == "/visits/v"
    assert services.has_received("POST mentorships/outreach-visits/v/cancel")


async def test_the_overview_asks_first_which_visits_took_place() -> None:
    services = FakeServices(
        {
            "GET mentorships/me/outreach-visits": page_of(
                visit(id="b"),
                visit(id="a", possible=["tick", "cancel", "hold"]),
                visit(id="c", state="held", possible=["note"]),
            )
        }
    )
    async with pages(services) as site:
        shown = (await site.get("/visits")).text
    assert shown.index('href="/visits/a"') < shown.index('href="/visits/b"') < shown.index('href="/visits/c"')
    async with pages(FakeServices({}, down=frozenset({"mentorships"}))) as site:
        assert "cannot be reached" in text_of(await site.get("/visits"))
