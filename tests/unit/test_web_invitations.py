"""Invitations of a whole programme: who is where, mail and reminders, and links in a file for spreadsheets."""

import csv
from typing import Any

from pydantic import BaseModel

from services.profiles.invitations import api
from services.web.clients import profiles
from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

_COORDINATOR = frozenset({"institution_coordinator"})
_PROGRAMME = {"id": "care", "institution": "st-anna", "name": "First Friday", "status": "active", "weights": {}}
_SENT = "POST profiles/programmes/care/invitations"
_OPEN = {"way": "mail", "invited_at": "2026-11-20T09:00:00Z", "expires_at": "2026-12-04T09:00:00Z", "reminders": 1}


def state(name: str, **fields: Any) -> dict[str, Any]:
    return {"member": name, "name": name.title(), "email": f"{name}@x.example", "has_joined": False, **fields}


_ANSWERS = {
    "GET profiles/programmes": page_of(_PROGRAMME),
    "GET profiles/programmes/care/invitations": page_of(
        state("ada", has_joined=True), state("bo", **_OPEN), state("cy")
    ),
    _SENT: ok(
        {
            "items": [{"name": "=Cy", "email": "cy@x.example", "code": "a+b"}],
            "refused": 0,
            "mailed_lately": 0,
            "next": None,
        }
    ),
}


async def test_the_page_says_who_has_joined_who_waits_and_who_is_not_invited() -> None:
    async with pages(FakeServices(_ANSWERS), roles=_COORDINATOR) as site:
        shown = text_of(await site.get("/programmes/care/invitations"))
    assert "1 have joined 1 are invited, and have not accepted yet 1 are not invited" in shown
    assert "Bo bo@x.example November 20, 2026, by e-mail 1" in shown


async def test_mail_goes_to_those_who_are_not_invited_and_a_reminder_to_those_who_wait() -> None:
    services = FakeServices(_ANSWERS)
    async with pages(services, roles=_COORDINATOR) as site:
        invited = text_of(await site.post("/programmes/care/invitations", command="mail"))
        await site.post("/programmes/care/invitations", command="remind")
    sent = [body for key, body in services.received if key == _SENT]
    assert [(body["way"], body["to"]) for body in sent] == [("mail", "not_invited"), ("mail", "waiting")]
    assert "1 person is invited." in invited


async def test_the_page_says_who_is_not_reminded_again_so_soon() -> None:
    answer = ok({"items": [], "refused": 0, "mailed_lately": 2, "next": None})
    async with pages(FakeServices(_ANSWERS | {_SENT: answer}), roles=_COORDINATOR) as site:
        shown = text_of(await site.post("/programmes/care/invitations", command="remind"))
    assert "2 people got an e-mail within the last 24 hours and are not reminded yet." in shown


async def test_links_are_a_file_whose_cells_a_spreadsheet_does_not_compute() -> None:
    async with pages(FakeServices(_ANSWERS), roles=_COORDINATOR) as site:
        answer = await site.post("/programmes/care/invitations", command="links")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.reader(answer.content.decode("utf-8-sig").splitlines()))
    assert rows == [
        ["name", "email", "link"],
        ["'=Cy", "cy@x.example", "http://web/invitation?code=a%2Bb"],
    ]


async def test_where_no_mail_is_set_up_the_page_says_what_works() -> None:
    services = FakeServices(_ANSWERS | {_SENT: problem(409, "mail_not_set_up")})
    async with pages(services, roles=_COORDINATOR, language="de") as site:
        answer = await site.post("/programmes/care/invitations", command="mail")
    assert answer.status_code == 422
    assert "Laden Sie die Links herunter" in text_of(answer)


async def test_invitations_are_for_coordinators() -> None:
    async with pages(FakeServices(_ANSWERS)) as site:
        assert (await site.get("/programmes/care/invitations")).status_code == 403
        assert (await site.post("/programmes/care/invitations", command="mail")).status_code == 403


def test_pages_read_only_what_the_api_answers() -> None:
    pairs: list[tuple[type[BaseModel], type[BaseModel]]] = [
        (profiles.Invited, api.InvitedView),
        (profiles.InvitedPage, api.InvitedPage),
        (profiles.InvitationState, api.InvitationState),
    ]
    for read, answered in pairs:
        assert set(read.model_fields) <= set(answered.model_fields)
