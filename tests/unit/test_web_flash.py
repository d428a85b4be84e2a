"""Pages of flash slots: offered and booked in two steps each, recorded and answered with feedback by the two people."""

from typing import Any

import pytest

from services.web.flash import windows
from services.web.languages import Languages
from services.web.pages.forms import Form
from tests.unit.web_kit import FakeServices, member, ok, page_of, pages, problem, text_of

_ADA = {"member": "ada", "institution": "st-anna", "name": "Ada"}
_NORA = {"member": "m1", "institution": "st-anna", "name": "Nora"}
_WINDOW = {"day": "2026-12-08", "starts": "15:00", "ends": "16:15", "zone": "Europe/Berlin", "minutes": "30"}
_OFFER = "/flash/programmes/care/offer"
_OFFERS = "POST mentorships/programmes/care/flash-slots"


def slot(**changed: Any) -> dict[str, Any]:
    return {
        "id": "w.1",
        "programme": "care",
        "state": "open",
        "starts_at": "2026-12-08T14:00:00Z",
        "ends_at": "2026-12-08T14:30:00Z",
        "minutes": 30,
        "mentor": _ADA,
        "topic": "Abstracts",
        "possible": ["book"],
        **changed,
    }


def booked(side: str, *possible: str, **changed: Any) -> dict[str, Any]:
    own = {"state": "booked", "mentee": _NORA, "question": "Which journal?", "link": "https://call.example/ada"}
    return slot(**own, side=side, possible=list(possible), **changed)


async def test_a_mentor_checks_the_slots_before_they_are_offered() -> None:
    services = FakeServices({_OFFERS: (201, {"items": [slot(), slot(id="w.2")]})})
    async with pages(services) as site:
        begun = await site.get(_OFFER)
        check = text_of(await site.post(_OFFER, **_WINDOW, topic="Abstracts", link=""))
        assert not services.has_received(_OFFERS)
        sent = await site.post(_OFFER, **_WINDOW, topic="Abstracts", link="", step="offer")
    assert 'name="day"' in begun.text
    assert "15:00\N{EN DASH}15:30 15:30\N{EN DASH}16:00 About" in check
    assert sent.headers["location"] == "/flash"
    times = {"starts": "2026-12-08T15:00", "ends": "2026-12-08T16:15", "zone": "Europe/Berlin", "minutes": 30}
    assert services.sent(_OFFERS) == times | {"topic": "Abstracts", "link": None}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"day": "soon"}, {"day"}),
        ({"starts": "25:00", "ends": ""}, {"starts", "ends"}),
        ({"minutes": "90"}, {"minutes"}),
        ({"ends": "15:10"}, {"ends"}),
        ({"ends": "14:00"}, {"ends"}),
        ({}, set()),
    ],
)
def test_a_window_that_cannot_be_asked_for_says_why_at_its_field(changed: dict[str, str], wrong: set[str]) -> None:
    form = Form({name: [text] for name, text in (_WINDOW | changed).items()})
    assert windows.wrong_fields(form, Languages().choose("de")).keys() == wrong


async def test_a_refused_offer_keeps_what_was_typed_and_says_why_in_german() -> None:
    errors = [{"field": "starts", "message": "must be after now, and within 183 days"}]
    invalid = FakeServices({_OFFERS: problem(422, "flash_window_invalid", errors=errors)})
    async with pages(invalid, language="de") as site:
        answer = await site.post(_OFFER, **_WINDOW, topic="Abstracts", link="", step="offer")
    assert answer.status_code == 422
    assert '<a href="#starts">Wählen Sie eine Zeit nach jetzt' in answer.text
    assert 'value="Abstracts"' in answer.text
    async with pages(FakeServices({_OFFERS: problem(403, "mentor_role_required")}), language="de") as site:
        answer = await site.post(_OFFER, **_WINDOW, step="offer")
    assert "Bitten Sie Ihre Koordination um diese Rolle." in text_of(answer)


async def test_a_mentee_finds_a_free_conversation_and_checks_it_before_it_is_booked() -> None:
    nameless = slot(id="w.2", mentor={"member": "otto", "institution": "north"})
    services = FakeServices(
        {
            "GET mentorships/programmes/care/flash-slots": page_of(slot(), nameless, slot(side="mentor", possible=[])),
            "GET mentorships/flash-slots/w.1": ok(slot()),
            "POST mentorships/flash-slots/w.1/book": ok(booked("mentee")),
        }
    )
    async with pages(services) as site:
        listed = text_of(await site.get("/flash/programmes/care"))
        await site.get("/flash/w.1/book")
        check = text_of(await site.post("/flash/w.1/book", question="Which journal?"))
        assert not services.has_received("POST mentorships/flash-slots/w.1/book")
        sent = await site.post("/flash/w.1/book", question="Which journal?", step="book")
    assert "Ada · 30 minutes · Abstracts" in listed
    assert "A mentor at north" in listed
    assert listed.count("Book :") == 2
    assert "Which journal?" in check
    assert sent.headers["location"] == "/flash/w.1"
    assert services.sent("POST mentorships/flash-slots/w.1/book") == {"question": "Which journal?"}


async def test_who_is_too_late_keeps_their_question() -> None:
    services = FakeServices({"POST mentorships/flash-slots/w.1/book": problem(409, "slot_taken")})
    async with pages(services, language="de") as site:
        answer = await site.post("/flash/w.1/book", question="Which journal?", step="book")
    assert answer.status_code == 409
    assert "Jemand anderes war schneller" in text_of(answer)
    assert "Which journal?" in text_of(answer)


async def test_the_mentor_reads_the_question_and_says_that_it_was_held() -> None:
    services = FakeServices(
        {
            "GET mentorships/flash-slots/w.1": ok(booked("mentor", "hold", "miss")),
            "POST mentorships/flash-slots/w.1/outcome/held": ok(booked("mentor")),
        }
    )
    async with pages(services) as site:
        shown = text_of(await site.get("/flash/w.1"))
        held = await site.post("/flash/w.1", command="held")
        unknown = await site.post("/flash/w.1", command="delete")
    assert "Their question Which journal?" in shown
    assert "With Nora" in shown
    assert held.headers["location"] == "/flash/w.1"
    assert services.has_received("POST mentorships/flash-slots/w.1/outcome/held")
    assert unknown.status_code == 404


async def test_a_booking_can_be_cancelled_until_it_begins() -> None:
    services = FakeServices(
        {
            "GET mentorships/flash-slots/w.1": ok(booked("mentee", "cancel_booking")),
            "POST mentorships/flash-slots/w.1/cancel": problem(409, "slot_begun"),
        }
    )
    async with pages(services) as site:
        shown = text_of(await site.get("/flash/w.1"))
        refused = text_of(await site.post("/flash/w.1", command="cancel"))
    assert "Cancel your booking" in shown
    assert "https://call.example/ada" in shown
    assert "This conversation has begun" in refused


async def test_the_mentee_says_how_useful_it_was_and_can_change_it() -> None:
    given = booked("mentee", "give_feedback", feedback={"useful": 4, "text": "Clear."})
    services = FakeServices(
        {
            "GET mentorships/flash-slots/w.1": ok(given),
            "PUT mentorships/flash-slots/w.1/feedback": ok(given),
        }
    )
    async with pages(services) as site:
        shown = await site.get("/flash/w.1/feedback")
        empty = await site.post("/flash/w.1/feedback", text="Clear.")
        wrong = await site.post("/flash/w.1/feedback", useful="6", text="Clear.")
        sent = await site.post("/flash/w.1/feedback", useful="5", text="Very clear.")
    assert "Clear.</textarea>" in shown.text
    assert [empty.status_code, wrong.status_code] == [422, 422]
    assert sent.headers["location"] == "/flash/w.1"
    assert services.sent("PUT mentorships/flash-slots/w.1/feedback") == {"useful": 5, "text": "Very clear."}


async def test_the_overview_asks_first_which_conversations_took_place() -> None:
    past = {"starts_at": "2026-11-30T14:00:00Z", "ends_at": "2026-11-30T14:30:00Z"}
    roles = [{"programme": "care", "roles": ["mentee"]}, {"programme": "teach", "roles": ["mentor"]}]
    services = FakeServices(
        {
            "GET profiles/me": ok(member("m1", enrolments=roles)),
            "GET mentorships/me/flash-slots": page_of(
                booked("mentee", "hold", "miss", **past),
                booked("mentee", "give_feedback", **past) | {"state": "held"},
                slot(id="w.3", side="mentor", possible=["withdraw"]),
            ),
        }
    )
    async with pages(services) as site:
        shown = await site.get("/flash")
    read = text_of(shown)
    assert read.index("Did it take place?") < read.index("To come") < read.index("Programmes") < read.index("What was")
    assert 'href="/flash/programmes/teach/offer"' in shown.text
    assert "/flash/programmes/care/offer" not in shown.text
    assert 'href="/flash/w.1/feedback"' in shown.text
    assert "Free nobody yet" in read


async def test_the_overview_says_that_mentorships_does_not_answer() -> None:
    services = FakeServices({"GET profiles/me": ok(member("m1"))}, down=frozenset({"mentorships"}))
    async with pages(services) as site:
        answer = await site.get("/flash")
    assert answer.status_code == 200
    assert "cannot be reached" in text_of(answer)
