"""Sample values for each page of a mentorship, as the services answer them."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from services.web.clients.meetings import Meeting, Plan, Proposal, Series
from services.web.clients.mentorships import (
    Agreement,
    Certificate,
    CheckIns,
    Difference,
    Goal,
    Guide,
    HeldMeeting,
    Hours,
    Mentorship,
    Message,
    Tasks,
    Template,
    Thread,
    Version,
)
from services.web.languages import Language
from services.web.mentorships import plans
from services.web.mentorships.about import MentorshipFacts
from services.web.pages.forms import Form

NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def plan(rule: str, *, day: str = "2027-02-05") -> Plan:
    return Plan(
        starts=f"{day}T17:00", zone="Europe/Berlin", minutes=45, rule=rule, place="Café", link="https://x.example"
    )


def mentorship(side: str) -> Mentorship:
    return Mentorship.model_validate(
        {
            "id": "m",
            "programme": "residency",
            "mentee": {"member": "mia", "institution": "north", "name": "Mia <b>"},
            "mentor": {"member": "ada", "institution": "south"},
            "state": "introduction",
            "began_at": NOW,
            "introduction_ends_at": LATER,
            "asked_to_go_on": True,
            "side": side,
            "possible": ["leave", "pause", "resume", "plan_return", "close"],
        }
    )


def meeting(status: str = "planned") -> Meeting:
    return Meeting(id="2027-02-05T17:00", starts_at=LATER, ends_at=LATER, is_moved=True, status=status)


def series(side: str) -> Series:
    return Series(
        id="s",
        mentorship="m",
        state="agreed",
        plan=plan("FREQ=MONTHLY;BYDAY=1FR"),
        proposal=Proposal(by=side, plan=plan(""), coming=(meeting(),)),
        coming=(meeting(),),
        unrecorded=(meeting("unrecorded"),),
        possible=("agree", "decline", "counter", "change_one", "record", "cancel"),
    )


def version(number: int) -> Version:
    return Version.model_validate(
        {
            "number": number,
            "by": "mentee",
            "proposed_at": NOW,
            "language": "en",
            "terms": {"interval_days": 1, "length_months": 12, "review_on": "2027-03-01", "starts_again": True},
            "changes": ["goals", "length_months"] if number > 1 else [],
            "mentee_signed_at": NOW,
            "in_force_since": NOW if number == 1 else None,
            "clauses": {"goals": "A paper.", "principles": "Be kind."},
        }
    )


def difference() -> Difference:
    pieces = [{"kind": "removed", "text": "A"}, {"kind": "added", "text": "Two"}, {"kind": "same", "text": " papers"}]
    return Difference(before=version(1), after=version(2), clauses=[{"clause": "goals", "pieces": pieces}])  # type: ignore[arg-type]


def goal(**changed: Any) -> Goal:
    comment = {"id": "c", "by": "mentor", "at": NOW, "text": "Good.", "audience": "pair"}
    fields = {"id": "g", "title": "A paper", "description": "By May", "shared": True, "state": "open", "set_at": NOW}
    possible = ("change", "complete", "drop", "reopen", "comment")
    return Goal.model_validate({**fields, "comments": [comment], "possible": possible, **changed})


def check_ins() -> CheckIns:
    given = {"at": NOW, "ratings": [5, 4, 4, 5, 3], "comment": "Good.", "joint": True}
    items = [
        {"period": "day_30", "opened_at": NOW, "own": given, "other": given, "correctable_until": LATER},
        {"period": "day_90", "opened_at": NOW},
    ]
    statements = ("accessible", "encouraging", "constructive", "guiding", "challenging")
    return CheckIns.model_validate({"statements": statements, "items": items})


def values(name: str, *, side: str, language: Language) -> dict[str, Any]:
    """What the page's route passes to its template, and what every page is given."""
    message = Message(id="x", by="mentor", sent_at=NOW, text="Shall we meet?", reported=False)
    known = MentorshipFacts(
        mentorship=mentorship(side), etag='"1"', relationship_etag='"2"', has_conflict=True, down=["profiles"]
    )
    tasks = Tasks(mentorship="m", tasks=("sign_agreement", "wait_for_meetings"), next_meeting_at=LATER)
    shared: dict[str, Any] = {
        "visit": _visit(),
        "form": Form(),
        "now": NOW,
        "path": "/mentorships/m",
        "menu": [("/mentorships", "My mentorships")],
        "mentorship": mentorship(side),
        "known": known,
        "etag": '"1"',
        "down": ["mentorships"],
        "words": plans.in_words,
    }
    return shared | {
        "list.html": {
            "current": [mentorship(side)],
            "ended": [mentorship(side)],
            "names": {},
            "tasks": {"m": tasks},
            "conflicts": {"m"},
            "programmes": {},
        },
        "mentorship.html": {"name": "", "card": None, "tasks": tasks, "programmes": {}},
        "end.html": {"reasons": language.options("reason", ("moved_on",))},
        "agreement.html": {
            "agreement": Agreement(
                state="change_proposed",
                in_force=version(1),
                proposal=version(2),
                possible=("propose", "sign", "withdraw"),
            ),
            "changed": difference(),
            "pieces": {each.clause: each.pieces for each in difference().clauses},
            "programme_text": Template(interval_days=30, length_months=12, texts={"en": {"goals": "x"}}),
            "versions": [version(2), version(1)],
        },
        "version.html": {
            "version": version(2),
            "versions": [version(2), version(1)],
            "changed": difference(),
            "pieces": {each.clause: each.pieces for each in difference().clauses},
        },
        "propose.html": {"extends": True, "newest": version(1)},
        "goals.html": {"current": [goal()], "past": [goal(state="dropped", ended_at=NOW)]},
        "goal.html": {"goal": goal(ended_at=NOW)},
        "goal_form.html": {"goal": "g"},
        "messages.html": {
            "thread": Thread(items=(message,), next="c", blocked=False, writable=True),
            "messages": [message],
            "is_newest": False,
        },
        "report.html": {"message": message, "reasons": language.options("report", ("spam",))},
        "meetings.html": {"current": [series(side)], "past": [series(side)]},
        "plan.html": {
            "series": "s",
            "repeats": language.options("repeats", plans.REPEATS),
            "which": language.options("which", plans.WHICH),
            "weekdays": [(code, language.weekday(day)) for day, code in enumerate(plans.WEEKDAYS)],
            "minutes": plans.MINUTES,
        },
        "series.html": {"series": series(side), "meetings": [meeting("held"), meeting("unknown")]},
        "meeting.html": {"series": series(side), "meeting": meeting()},
        "check_ins.html": {"check_ins": check_ins()},
        "check_in.html": {
            "check_in": check_ins().items[1],
            "statements": check_ins().statements,
            "ratings": ("1", "2", "3", "4", "5"),
        },
        "hours.html": {
            "hours": Hours(meetings=(HeldMeeting(starts_at=NOW, minutes=45),), minutes=45),
            "certificate": Certificate(
                name="Ada",
                institution="south",
                programme="First Friday",
                began_on=NOW.date(),
                ended_on=LATER.date(),
                meetings=1,
                minutes=45,
                signed="a.b.c",
            ),
        },
        "certificate_check.html": {"checked": True, "claims": None},
        "guides.html": {
            "guides": [
                Guide(id="end", moment="ending", title="End", intro="x", steps=("a", "b"), done=(1,), sources=("s",))
            ]
        },
        "calendar.html": {"since": NOW, "address": "https://x.example/calendar/t.ics"},
    }.get(name, {})


def _visit() -> Any:
    """A visit as templates read it."""
    session = SimpleNamespace(reader=SimpleNamespace(name="Mia"))
    return SimpleNamespace(
        csrf="c", owner="o", idempotency_key="k", principal=object(), session=session, form=Form(), member="mia"
    )
