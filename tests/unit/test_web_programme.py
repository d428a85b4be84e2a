"""A coordinator's page of a programme: each mentee counts once, and what needs them comes first."""

from typing import Any

from services.web.clients.matching import Relationship, Request
from services.web.coordinator.figures import matched
from tests.unit.web_kit import FakeServices, member, ok, page_of, pages, text_of

_COORDINATOR = frozenset({"coordinator", "institution_coordinator"})
_PROGRAMME = {"id": "care", "institution": "st-anna", "name": "First Friday", "status": "active", "weights": {}}
_NUMBERS = {
    "suggested": 12,
    "asked": 10,
    "accepted": 6,
    "began": 8,
    "agreed": 5,
    "met_within_30_days": 4,
    "together_after_90_days": 3,
    "ended_well": 1,
    "unanswered": {"0-4": 1, "5-9": 0, "10-": 2},
    "silent": 3,
    "days_to_first_meeting": 12.5,
    "reasons": {"goals_reached": 1},
}
_MEAN = {"period": "day_30", "by": "mentee", "statement": "accessible", "answers": 5, "mean": 4.2}


def enrolled(role: str) -> list[dict[str, Any]]:
    return [{"programme": "care", "roles": [role]}]


def pair(kind: type[Any], mentee: str, state: str) -> Any:
    parties = {
        "mentee": {"member": mentee, "institution": "st-anna"},
        "mentor": {"member": "x", "institution": "south"},
    }
    times = {"since": "2026-11-01T09:00:00Z", "asked_at": "2026-11-01T09:00:00Z"}
    return kind.model_validate({"id": "p", "programme": "care", "state": state, "named": True, **parties, **times})


_ANSWERS = {
    "GET profiles/programmes": page_of(_PROGRAMME),
    "GET profiles/members": page_of(
        member("ana", has_sign_in=True, enrolments=enrolled("mentee")), member("mo", enrolments=enrolled("mentor"))
    ),
    "GET matching/programmes/care/unmatched": page_of(),
    "GET matching/programmes/care/requests": page_of(),
    "GET matching/programmes/care/relationships": page_of(),
    "GET matching/programmes/care/rounds": page_of(),
    "GET mentorships/programmes/care/numbers": ok(_NUMBERS),
    "GET mentorships/programmes/care/mentorships": page_of(),
    "GET mentorships/programmes/care/check-ins": ok({"items": [_MEAN]}),
    "GET mentorships/programmes/care/message-reports": page_of(),
}


def test_each_mentee_counts_once() -> None:
    mentees = ["having", "both", "asking", "without", "free"]
    relationships = [pair(Relationship, "having", "active"), pair(Relationship, "both", "paused")]
    relationships += [pair(Relationship, "free", "closed"), pair(Relationship, "of-another-institution", "active")]
    requests = [pair(Request, "both", "pending"), pair(Request, "asking", "pending")]
    rows = matched(mentees, relationships, requests, ["without", "having"])
    assert [row.count for row in rows] == [2, 1, 1, 1]
    assert {row.of for row in rows} == {5}


async def test_the_page_answers_five_questions_with_an_action_beside_each_number() -> None:
    async with pages(FakeServices(_ANSWERS), roles=_COORDINATOR) as site:
        answer = await site.get("/programmes/care")
    shown = text_of(answer)
    assert answer.status_code == 200
    assert "2 Requests without an answer for 10 days or more See whom to remind" in shown
    assert "1 People who have not joined Invite them" in shown
    assert "Mentors who have joined 0 of 1" in shown
    assert "… and were accepted 6 of 10" in shown
    assert "My mentor makes time for me 4.2 5 answers" in shown


async def test_what_a_service_that_is_down_would_say_is_left_out_and_the_rest_is_there() -> None:
    services = FakeServices(_ANSWERS, down=frozenset({"mentorships"}))
    async with pages(services, roles=_COORDINATOR) as site:
        answer = await site.get("/programmes/care")
    shown = text_of(answer)
    assert answer.status_code == 200
    assert "The course of mentorships cannot be reached" in shown
    assert "Mentors who have joined 0 of 1" in shown
    assert "Requests that were made" not in shown


async def test_a_member_is_shown_no_programme() -> None:
    async with pages(FakeServices(_ANSWERS)) as site:
        assert (await site.get("/programmes/care")).status_code == 403
