"""Pages of mentorships: meetings as plain choices, refusals at their fields, every template in each language."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from services.mentorships.agreements.api.models import AgreementRead, DifferenceRead, TemplateRead, VersionWithClauses
from services.mentorships.certificates.api import CertificateRead, HoursRead
from services.mentorships.checkins import domain as checkins
from services.mentorships.checkins.api import CheckInList, CheckInRead
from services.mentorships.goals import domain as goals
from services.mentorships.goals.api import GoalRead
from services.mentorships.guides.api import GuideRead
from services.mentorships.guides.domain import Moment
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.api import MentorshipRead
from services.mentorships.meetings.api.bodies import MeetingRead, PlanRead, SeriesRead, Status
from services.mentorships.meetings.domain import states
from services.mentorships.messages.api import MessageRead, ThreadRead
from services.mentorships.messages.domain import ReportReason
from services.mentorships.support.api.hearers import HearerRead
from services.mentorships.support.api.requests import AskedOfMeRead, ChoiceRead, SupportRead
from services.mentorships.support.domain import Kind, Role
from services.mentorships.tasks.api import TasksRead
from services.mentorships.tasks.domain import Task
from services.notifications.deliveries.domain.kinds import KINDS
from services.web.app import page_routers
from services.web.clients import meetings, mentorships, support
from services.web.clients.matching import Party, Relationship
from services.web.clients.transport import Refused
from services.web.labels import LABELS
from services.web.languages import Language, Languages
from services.web.mentorships import about, plans
from services.web.mentorships.agreement import CLAUSES
from services.web.pages import checks
from services.web.pages.forms import Form, form_of
from services.web.pages.rendering import Templates
from tests.unit import web_mentorships as samples
from tests.unit.web_kit import FakeServices, ok, pages

TEMPLATES = Path(__file__).parents[2] / "services" / "web" / "templates" / "mentorships"
PARTS = {"frame.html", "tasks.html", "terms.html", "clauses.html", "versions.html"}
RENDERER = Templates(Languages())
FORM = {"starts": "2027-02-01", "time": "17:00", "minutes": "45", "zone": "Europe/Berlin", "place": "", "link": ""}


def language(tag: str = "en", zone: str = "Europe/Berlin") -> Language:
    return Languages().choose(tag, time_zone=zone)


def chosen(**changed: str) -> Form:
    return form_of(list((FORM | changed).items()))


@pytest.mark.parametrize(
    ("choice", "starts", "rule"),
    [
        ({"repeats": "once"}, "2027-02-01T17:00", ""),
        ({"repeats": "month", "which": "1", "weekday": "FR"}, "2027-02-05T17:00", "FREQ=MONTHLY;BYDAY=1FR"),
        ({"repeats": "month", "which": "-1", "weekday": "MO"}, "2027-02-22T17:00", "FREQ=MONTHLY;BYDAY=-1MO"),
        ({"repeats": "week", "weekday": "MO"}, "2027-02-01T17:00", "FREQ=WEEKLY;BYDAY=MO"),
        ({"repeats": "two_weeks", "weekday": "SU"}, "2027-02-07T17:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU"),
    ],
)
def test_a_choice_becomes_a_rule_that_begins_on_its_first_date(choice: dict[str, str], starts: str, rule: str) -> None:
    made = plans.body(chosen(**choice))
    assert (made["starts"], made["rule"]) == (starts, rule)


def test_the_first_friday_of_a_month_that_is_over_is_that_of_the_next() -> None:
    made = plans.body(chosen(repeats="month", which="1", weekday="FR", starts="2027-02-06"))
    assert made["starts"] == "2027-03-05T17:00"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=MONTHLY;BYDAY=1FR", "Every month on the first Friday, at 17:00"),
        ("FREQ=MONTHLY;BYDAY=-1MO", "Every month on the last Monday, at 17:00"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "Every two weeks on Tuesday, at 17:00"),
        ("FREQ=DAILY;COUNT=3", "Repeatedly, at 17:00"),
        ("", "Once, at 17:00"),
    ],
)
def test_a_rule_is_put_into_words(rule: str, words: str) -> None:
    assert plans.in_words(samples.plan(rule), language()) == words


def test_words_of_a_rule_are_in_the_reader_s_language() -> None:
    words = plans.in_words(samples.plan("FREQ=MONTHLY;BYDAY=1FR"), language("de"))
    assert words == "Jeden Monat am ersten Freitag, 17:00 Uhr"


@pytest.mark.parametrize(
    "rule", ["", "FREQ=WEEKLY;BYDAY=MO", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", "FREQ=MONTHLY;BYDAY=-1FR"]
)
def test_a_form_filled_with_a_plan_proposes_the_same_plan(rule: str) -> None:
    begins = {"": "2027-02-05", "FREQ=WEEKLY;BYDAY=MO": "2027-02-01", "FREQ=MONTHLY;BYDAY=-1FR": "2027-02-26"}
    plan = samples.plan(rule, day=begins.get(rule, "2027-02-07"))
    made = plans.body(plans.filled(plan))
    assert (made["starts"], made["rule"], made["zone"]) == (plan.starts, plan.rule, plan.zone)


def test_a_plan_without_day_and_time_names_the_fields() -> None:
    wrong = plans.wrong_fields(chosen(starts="", time="5 pm", repeats=""), language())
    assert set(wrong) == {"starts", "time", "repeats"}


def test_a_refusal_is_shown_at_its_field_in_the_reader_s_language() -> None:
    visit: Any = SimpleNamespace(language=language("de"), refusal=lambda refused: refused.detail)
    problem = {
        "type": "urn:preceptor:problem:meeting_plan_invalid",
        "errors": [{"field": "starts", "message": "must be after now"}, {"field": "rule", "message": "is none"}],
    }
    shown = checks.refused_form(visit, chosen(), Refused(422, problem))
    assert shown.errors["starts"].startswith("Wählen Sie eine Zeit")
    assert shown.problems == ("rule: is none",)
    assert shown.text("time") == "17:00"


def test_a_nested_field_finds_its_place() -> None:
    visit: Any = SimpleNamespace(language=language(), refusal=lambda refused: refused.detail)
    problem = {"errors": [{"field": "clauses.goals", "message": "too long"}]}
    assert checks.refused_form(visit, form_of([("goals", "x")]), Refused(422, problem)).errors == {"goals": "too long"}


def test_a_list_s_entry_finds_its_field_and_an_unknown_field_is_named_above_the_form() -> None:
    visit: Any = SimpleNamespace(language=language(), refusal=lambda refused: refused.detail)
    problem = {"errors": [{"field": "topics.2", "message": "must be words"}, {"field": "zone", "message": "unknown"}]}
    shown = checks.refused_form(visit, form_of([("topics", "a")]), Refused(422, problem))
    assert (shown.errors, shown.problems) == ({"topics": "must be words"}, ("zone: unknown",))


def test_a_refusal_without_fields_is_shown_above_the_form() -> None:
    visit: Any = SimpleNamespace(language=language(), refusal=lambda refused: refused.detail)
    problem = {"type": "urn:preceptor:problem:no_seat_left", "detail": "You have no free place."}
    assert list(checks.refused_form(visit, Form(), Refused(409, problem)).problems) == ["You have no free place."]


def test_a_mentorship_that_matching_alone_knows_can_be_paused_and_ended() -> None:
    relationship = Relationship(
        id="m",
        programme="residency",
        mentee=Party(member="mia", institution="north"),
        mentor=Party(member="ada", institution="south"),
        state="active",
        since=datetime(2027, 1, 1, tzinfo=UTC),
    )
    known = about.as_matching_knows(relationship, "ada")
    assert (known.side, known.possible, known.other.member) == ("mentor", ("pause", "close"), "mia")


def test_every_page_that_a_mail_links_to_exists() -> None:
    routes = [route for router in page_routers() for route in router.routes if isinstance(route, APIRoute)]
    pages = {re.sub(r"\{\w+\}", "{id}", route.path) for route in routes if "GET" in (route.methods or ())}
    assert {kind.page for kind in KINDS.values()} <= pages


PAGES = sorted(path.name for path in TEMPLATES.glob("*.html") if path.name not in PARTS)


@pytest.mark.parametrize("tag", ["en", "de"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_rendered_whole(name: str, tag: str) -> None:
    reader = language(tag)
    for side in ("mentee", "mentor"):
        values = samples.values(name, side=side, language=reader) | {"clauses": CLAUSES}
        rendered = RENDERER.render(f"mentorships/{name}", reader, values)
        assert re.search(r"<h1>\s*\S", rendered), name
        assert (
            "None" not in re.sub(r"<[^>]+>", " ", rendered).replace("None yet", "").replace("None is", "")
            or tag == "en"
        )
        assert len(set(re.findall(r' id="([^"]+)"', rendered))) == len(re.findall(r' id="([^"]+)"', rendered)), name


@pytest.mark.parametrize("command", ["sign", "withdraw"])
async def test_a_button_of_a_proposal_sends_its_command(command: str) -> None:
    key = f"POST mentorships/mentorships/m/agreement/versions/2/{command}"
    services = FakeServices({key: ok({})})
    async with pages(services) as site:
        answer = await site.post("/mentorships/m/agreement", number="2", command=command)
    assert (answer.status_code, answer.headers["location"]) == (303, "/mentorships/m/agreement")
    assert services.has_received(key)


@pytest.mark.parametrize(("number", "command"), [("2", "agree"), ("2", ""), ("0x2", "sign")])
async def test_an_unknown_command_at_a_proposal_signs_nothing(number: str, command: str) -> None:
    services = FakeServices(
        {"GET mentorships/mentorships/m": ok({}), "GET mentorships/mentorships/m/agreement": ok({})}
    )
    async with pages(services) as site:
        await site.post("/mentorships/m/agreement", number=number, command=command)
    assert not any(key.startswith("POST") for key, _ in services.received)


def test_an_error_summary_links_to_the_field() -> None:
    reader = language()
    values = samples.values("goal_form.html", side="mentee", language=reader)
    wrong = form_of([("title", ""), ("description", "By May.")]).with_errors({"title": "Say what the goal is."})
    rendered = RENDERER.render("mentorships/goal_form.html", reader, values | {"form": wrong})
    assert '<a href="#title">Say what the goal is.</a>' in rendered
    assert "By May." in rendered


def test_days_are_those_of_the_reader() -> None:
    at = datetime(2027, 2, 5, 23, 30, tzinfo=UTC)
    assert language(zone="Europe/Berlin").meeting(at) == "Saturday, February 6, 2027, 00:30"
    assert language(zone="UTC").date(date(2027, 2, 5)) == "February 5, 2027"


@pytest.mark.parametrize(
    ("read", "answered"),
    [
        (mentorships.Mentorship, MentorshipRead),
        (mentorships.Tasks, TasksRead),
        (mentorships.Agreement, AgreementRead),
        (mentorships.Version, VersionWithClauses),
        (mentorships.Difference, DifferenceRead),
        (mentorships.Template, TemplateRead),
        (mentorships.Goal, GoalRead),
        (mentorships.Message, MessageRead),
        (mentorships.Thread, ThreadRead),
        (mentorships.CheckIn, CheckInRead),
        (mentorships.CheckIns, CheckInList),
        (mentorships.Hours, HoursRead),
        (mentorships.Certificate, CertificateRead),
        (mentorships.Guide, GuideRead),
        (support.Choice, ChoiceRead),
        (support.Request, SupportRead),
        (support.AskedOfMe, AskedOfMeRead),
        (support.Hearer, HearerRead),
        (meetings.Meeting, MeetingRead),
        (meetings.Series, SeriesRead),
        (meetings.Plan, PlanRead),
    ],
)
def test_pages_read_only_what_the_api_answers(read: type[BaseModel], answered: type[BaseModel]) -> None:
    assert set(read.model_fields) <= set(answered.model_fields)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("mentorship", get_args(lifecycle.State)),
        ("reason", get_args(lifecycle.EndReason)),
        ("task", get_args(Task)),
        ("goal", get_args(goals.State)),
        ("series", get_args(states.State)),
        ("meeting", get_args(Status)),
        ("clause", CLAUSES),
        ("report", get_args(ReportReason)),
        ("support_kind", get_args(Kind)),
        ("hearer_role", get_args(Role)),
        ("period", get_args(checkins.Period)),
        ("statement", (*checkins.STATEMENTS["mentee"], *checkins.STATEMENTS["mentor"])),
        ("moment", get_args(Moment)),
    ],
)
def test_every_code_has_words(kind: str, codes: tuple[str, ...]) -> None:
    assert set(codes) <= set(LABELS[kind])
