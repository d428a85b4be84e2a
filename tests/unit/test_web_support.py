"""Pages of confidential support: one person is chosen and checked, and the two sides see what is theirs."""

from typing import Any

import pytest

from services.mentorships.certificates.domain import Certificate
from services.mentorships.certificates.signing import Signer, new_key
from services.web.mentorships.hours import verified
from tests.unit.web_kit import NOW, FakeServices, ok, page_of, pages, problem, text_of

_AT = "2026-11-01T09:00:00Z"
_PARTY = {"institution": "st-anna"}
_MENTORSHIP = {
    "id": "m",
    "programme": "care",
    "mentee": {"member": "m1", "name": "Nora", **_PARTY},
    "mentor": {"member": "ada", "name": "Ada", **_PARTY},
    "state": "active",
    "began_at": _AT,
    "side": "mentee",
    "possible": [],
}
_CHOICES = [
    {"id": "mentor", "member": "ada", "name": "Ada", "institution": "st-anna"},
    {"id": "h1", "member": "oma", "name": "Oma", "institution": "st-anna", "role": "ombudsperson", "note": "Secret."},
]
_ASK = {
    "GET mentorships/mentorships/m": ok(_MENTORSHIP),
    "GET mentorships/mentorships/m/hearers": page_of(*_CHOICES),
    "POST mentorships/mentorships/m/support": ok({}),
}
_FIELDS = {"hearer": "h1", "kind": "burnout", "text": "I cannot sleep."}


def support(**changed: Any) -> dict[str, Any]:
    return {
        "id": "s",
        "mentorship": "m",
        "mentee": "m1",
        "mentee_name": "Nora",
        "hearer": "oma",
        "hearer_name": "Oma",
        "kind": "burnout",
        "text": "I cannot sleep.",
        "asked_at": _AT,
        "read_at": [],
        "answer": "",
        "needs_another_hearer": False,
        **changed,
    }


async def test_a_mentee_checks_who_reads_it_before_it_is_sent() -> None:
    services = FakeServices(_ASK | {"POST mentorships/mentorships/m/support": (201, support())})
    async with pages(services) as site:
        check = text_of(await site.post("/mentorships/m/support", **_FIELDS))
        assert not services.has_received("POST mentorships/mentorships/m/support")
        sent = await site.post("/mentorships/m/support", **_FIELDS, step="send")
    assert "Oma (Ombudsperson" in check
    assert "I cannot sleep." in check
    assert sent.headers["location"] == "/support/s"
    assert services.sent("POST mentorships/mentorships/m/support") == _FIELDS


async def test_an_incomplete_request_for_support_keeps_what_was_typed() -> None:
    async with pages(FakeServices(_ASK)) as site:
        answer = await site.post("/mentorships/m/support", text="I cannot sleep.")
    assert answer.status_code == 422
    assert '<a href="#hearer">Choose the person who reads it.</a>' in answer.text
    assert "I cannot sleep.</textarea>" in answer.text


async def test_a_person_who_may_not_be_chosen_any_more_is_not_checked() -> None:
    async with pages(FakeServices(_ASK)) as site:
        answer = await site.post("/mentorships/m/support", **(_FIELDS | {"hearer": "gone"}))
    assert answer.status_code == 422
    assert "Choose the person who reads it." in text_of(answer)


async def test_who_asked_sees_each_reading_and_can_close_it() -> None:
    services = FakeServices(
        {
            "GET mentorships/support/s": ok(support(read_at=[_AT], answer="Call me.", answered_at=_AT)),
            "POST mentorships/support/s/close": ok(None),
        }
    )
    async with pages(services) as site:
        shown = text_of(await site.get("/support/s"))
        closed = await site.post("/support/s", command="close")
    assert "Opened 1 November 2026, 09:00" in shown
    assert "Call me." in shown
    assert closed.headers["location"] == "/support"
    assert services.has_received("POST mentorships/support/s/close")


async def test_the_chosen_person_answers() -> None:
    services = FakeServices(
        {
            "GET mentorships/support/s": ok(support(mentee="somebody", mentee_name="Mia")),
            "PUT mentorships/support/s/answer": ok({}),
        }
    )
    async with pages(services) as site:
        shown = text_of(await site.get("/support/s"))
        empty = await site.post("/support/s", command="answer", text=" ")
        await site.post("/support/s", command="answer", text="Call me on Friday.")
    assert "From Mia" in shown
    assert "Close and delete" not in shown
    assert empty.status_code == 422
    assert services.sent("PUT mentorships/support/s/answer") == {"text": "Call me on Friday."}


async def test_a_hearer_who_assesses_the_mentee_reads_why_they_cannot_read_it() -> None:
    services = FakeServices({"GET mentorships/support/s": problem(403, "hearer_refused")})
    async with pages(services, language="de") as site:
        answer = await site.get("/support/s")
    assert answer.status_code == 403
    assert "beurteilen" in text_of(answer)


async def test_the_overview_shows_what_was_asked_without_its_words() -> None:
    entry = {"id": "h1", "institution": "north", "member": "m1", "member_institution": "st-anna", "note": ""}
    services = FakeServices(
        {
            "GET mentorships/me/support": page_of(support(needs_another_hearer=True)),
            "GET mentorships/me/asked": page_of({"id": "s2", "asked_at": _AT}),
            "GET mentorships/me/hearers": page_of(entry | {"role": "ombudsperson", "has_accepted": False}),
            "GET mentorships/me/mentorships": page_of(_MENTORSHIP),
            "POST mentorships/hearers/h1/accept": ok(entry | {"role": "ombudsperson", "has_accepted": True}),
        }
    )
    async with pages(services) as site:
        shown = text_of(await site.get("/support"))
        accepted = await site.post("/support/entries/h1", command="accept")
    assert "I cannot sleep" not in shown
    assert "Choose somebody else" in shown
    assert "Not answered yet" in shown
    assert accepted.headers["location"] == "/support"
    assert services.has_received("POST mentorships/hearers/h1/accept")


async def test_a_coordinator_lists_a_person_of_another_institution_by_their_id() -> None:
    services = FakeServices({"POST mentorships/institution/hearers": problem(404, "member_not_found")})
    async with pages(services, roles=frozenset({"institution_coordinator"})) as site:
        found = await site.get("/hearers/add?member=otto%2F..")
        refused = await site.post("/hearers/add/otto", role="outside_mentor", note="From the south.")
    assert found.headers["location"] == "/hearers/add/otto%2F.."
    assert refused.status_code == 422
    assert "From the south.</textarea>" in refused.text
    sent = services.sent("POST mentorships/institution/hearers")
    assert sent == {"member": "otto", "role": "outside_mentor", "note": "From the south."}


@pytest.mark.parametrize("path", ["/hearers", "/hearers/add", "/hearers/add/otto"])
async def test_the_list_is_for_coordinators_of_the_institution(path: str) -> None:
    async with pages(FakeServices({}), roles=frozenset({"member"})) as site:
        assert (await site.get(path)).status_code == 403


def certificate(name: str = "Ada Ärztin") -> Certificate:
    return Certificate(
        id="c",
        member="ada",
        name=name,
        institution="st-anna",
        programme="First Friday",
        began_at=NOW,
        ended_at=NOW,
        meetings=3,
        minutes=135,
    )


async def test_a_reader_without_a_sign_in_can_check_a_certificate() -> None:
    signer = Signer(new_key(), issuer="https://mentorships.example.org")
    services = FakeServices({"GET mentorships/certificates/keys": ok(signer.public_keys)})
    signed = signer.sign(certificate())
    broken = f"{signed[:30]}\n{signed[30:]} "
    async with pages(services) as site:
        genuine = text_of(await site.client.post("/certificates/check", data={"signed": broken}))
        forged = text_of(await site.client.post("/certificates/check", data={"signed": signed[:-8] + "AAAAAAAA"}))
        empty = await site.client.post("/certificates/check", data={"signed": " "})
    assert "genuine" in genuine
    assert "Ada Ärztin" in genuine
    assert "2 h 15 min" in genuine
    assert "no certificate of this network" in forged
    assert empty.status_code == 422


def test_a_certificate_of_another_key_and_another_kind_of_token_are_none() -> None:
    signer, other = (Signer(new_key(), issuer="https://x.example") for _ in range(2))
    assert verified(other.sign(certificate()), signer.public_keys) is None
    assert verified("ey", signer.public_keys) is None
    assert verified("", {"keys": []}) is None
