"""A person's data: who sees what as they chose it, the copy of all services, and erasure only after a check."""

from tests.unit.web_kit import SERVICES, FakeServices, member, ok, pages, problem, text_of

_OWN = member("nora", story_shown_to="matched", shares_email=True)
_ERASURE = {
    "state": "waiting",
    "requested_by": "member",
    "requested_at": "2026-12-01T09:00:00Z",
    "due_at": "2026-12-08T09:00:00Z",
}
_NONE_WAITS = problem(404, "erasure_not_found")


async def test_who_sees_what_follows_what_the_person_chose() -> None:
    services = FakeServices({"GET profiles/me": ok(_OWN), "GET profiles/me/erasure": _NONE_WAITS})
    async with pages(services) as site:
        shown = text_of(await site.get("/my-data"))
    assert "Your story People with whom you are in a mentoring. You chose this. No coordinator." in shown
    assert "E-mail address Coordinators of your institution, and people with whom you are in a mentoring." in shown


async def test_without_profiles_the_page_still_offers_the_copy() -> None:
    async with pages(FakeServices({}, down=frozenset({"profiles"}))) as site:
        answer = await site.get("/my-data")
    assert answer.status_code == 200
    assert "Profiles and programmes cannot be reached" in text_of(answer)
    assert "/my-data/export/matching" in answer.text


async def test_the_copy_has_the_part_of_every_service() -> None:
    services = FakeServices({f"GET {name}/me/export": ok({"of": name}) for name in SERVICES})
    async with pages(services) as site:
        answer = await site.get("/my-data/export/all")
    assert answer.json() == {name: {"of": name} for name in SERVICES}
    assert answer.headers["content-disposition"] == 'attachment; filename="preceptor-all.json"'


async def test_a_copy_is_never_silently_incomplete() -> None:
    services = FakeServices({f"GET {name}/me/export": ok({}) for name in SERVICES}, down=frozenset({"matching"}))
    async with pages(services) as site:
        answer = await site.get("/my-data/export/all")
    assert answer.status_code == 503


async def test_an_erasure_is_asked_for_only_after_a_check_with_its_box_ticked() -> None:
    services = FakeServices({"GET profiles/me/erasure": _NONE_WAITS, "DELETE profiles/me": (202, _ERASURE)})
    async with pages(services) as site:
        checked = await site.post("/my-data/erasure", step="check")
        unticked = await site.post("/my-data/erasure", step="ask")
        assert not services.has_received("DELETE profiles/me")
        asked = await site.post("/my-data/erasure", step="ask", sure="yes")
    assert (checked.status_code, unticked.status_code, asked.status_code) == (200, 422, 303)
    assert services.has_received("DELETE profiles/me")


async def test_a_waiting_erasure_shows_its_day_and_can_be_stopped() -> None:
    services = FakeServices(
        {"GET profiles/me/erasure": ok(_ERASURE), "POST profiles/me/erasure/withdraw": ok(_ERASURE)}
    )
    async with pages(services) as site:
        shown = text_of(await site.get("/my-data/erasure"))
        stopped = await site.post("/my-data/erasure", step="withdraw")
    assert "Your data will be erased on 8 December 2026, 09:00." in shown
    assert (stopped.status_code, stopped.headers["location"]) == (303, "/my-data/erasure")


async def test_a_code_for_a_move_is_shown_once_and_entered_at_the_new_institution() -> None:
    issued = (201, {"code": "secret-code", "expires_at": "2026-12-31T09:00:00Z"})
    moved = {
        "relationships": [
            {"relationship": "r1", "continued_as": "r2"},
            {"relationship": "r3", "reason": "no_seat_left"},
            {"relationship": "r4", "reason": "not_available"},
        ]
    }
    services = FakeServices({"POST matching/moves": issued, "POST matching/moves/enter": ok(moved)})
    async with pages(services) as site:
        code = await site.post("/my-data/move", step="leave")
        empty = await site.post("/my-data/move", step="arrive", code=" ")
        assert not services.has_received("POST matching/moves/enter")
        entered = await site.post("/my-data/move", step="arrive", code="secret-code")
        later = await site.get("/my-data/move")
    assert "Your code: secret-code" in text_of(code)
    assert "Enter the code that you got at the institution that you leave." in text_of(empty)
    assert empty.status_code == 422
    assert 'href="/mentorships/r2"' in entered.text
    assert "you have no free place for a mentee" in text_of(entered)
    assert "Ask the other person." in text_of(entered)
    assert "secret-code" not in later.text + entered.text


async def test_a_code_that_is_not_known_says_where_to_get_one() -> None:
    services = FakeServices({"POST matching/moves/enter": problem(404, "move_code_not_found")})
    async with pages(services) as site:
        refused = await site.post("/my-data/move", step="arrive", code="guessed")
    assert "Get a new one with your sign-in at the institution that you leave." in text_of(refused)
