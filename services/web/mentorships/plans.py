"""A meeting plan as plain choices: from a form to the recurrence rule of the API, and from a rule to words."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from services.web.clients.meetings import Plan
from services.web.labels import N_
from services.web.languages import Language
from services.web.pages.forms import Form

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WHICH = ("1", "2", "3", "4", "-1")
REPEATS = ("once", "week", "two_weeks", "month")
MINUTES = ("30", "45", "60", "90", "120")
_RULE = re.compile(
    r"FREQ=(?P<often>WEEKLY|MONTHLY)(?:;INTERVAL=(?P<interval>\d+))?;BYDAY=(?P<which>-?\d)?(?P<weekday>[A-Z]{2})"
)
_SENTENCES = {
    "once": N_("Once, at {time}"),
    "week": N_("Every week on {weekday}, at {time}"),
    "two_weeks": N_("Every two weeks on {weekday}, at {time}"),
    "month": N_("Every month on the {which} {weekday}, at {time}"),
    "other": N_("Repeatedly, at {time}"),
}


def empty(*, zone: str) -> Form:
    return Form(
        {
            "repeats": ["month"],
            "which": ["1"],
            "weekday": ["FR"],
            "starts": [""],
            "time": ["17:00"],
            "minutes": ["60"],
            "zone": [zone],
        }
    )


def filled(plan: Plan) -> Form:
    """For a proposal that changes this plan. A rule that the form cannot show begins as a single meeting."""
    choice = _choice(plan)
    values = {
        "repeats": choice["repeats"] if choice["repeats"] in REPEATS else "once",
        "which": choice["which"] or "1",
        "weekday": choice["weekday"] or "FR",
        "starts": plan.starts[:10],
        "time": plan.starts[11:16],
        "minutes": str(plan.minutes),
        "zone": plan.zone,
        "place": plan.place,
        "link": plan.link,
    }
    return Form({name: [value] for name, value in values.items()})


def wrong_fields(form: Form, language: Language) -> Mapping[str, str]:
    """Errors by field, of what the API could not be asked."""
    wrong = {}
    if _day(form.text("starts")) is None:
        wrong["starts"] = "date_missing"
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", form.text("time")):
        wrong["time"] = "clock_time_missing"
    if form.text("repeats") not in REPEATS:
        wrong["repeats"] = "repeats_missing"
    return {field: language.refusal(code) for field, code in wrong.items()}


def body(form: Form) -> Mapping[str, Any]:
    """The plan for the API. `form` has no wrong fields."""
    repeats, weekday, which = form.text("repeats"), form.text("weekday"), form.text("which")
    day = _day(form.text("starts"))
    assert day is not None  # noqa: S101 -- checked by `wrong_fields`
    rules = {
        "once": "",
        "week": f"FREQ=WEEKLY;BYDAY={weekday}",
        "two_weeks": f"FREQ=WEEKLY;INTERVAL=2;BYDAY={weekday}",
        "month": f"FREQ=MONTHLY;BYDAY={which}{weekday}",
    }
    first = day if repeats == "once" else _first(day, weekday, which if repeats == "month" else "")
    return {
        "starts": f"{first.isoformat()}T{form.text('time')}",
        "zone": form.text("zone"),
        "minutes": form.number("minutes") or 0,
        "rule": rules[repeats],
        "place": form.text("place").strip(),
        "link": form.text("link").strip() or None,
    }


def in_words(plan: Plan, language: Language) -> str:
    """`Every month on the first Friday, at 17:00`."""
    choice = _choice(plan)
    sentence = language.text(_SENTENCES.get(choice["repeats"], _SENTENCES["other"]))
    return sentence.format(
        time=plan.starts[11:16],
        weekday=language.weekday(WEEKDAYS.index(choice["weekday"])) if choice["weekday"] else "",
        which=language.label("on_which", choice["which"]),
    )


def _choice(plan: Plan) -> Mapping[str, str]:
    """How the form shows the plan's rule."""
    found = _RULE.fullmatch(plan.rule)
    if found is None or found["weekday"] not in WEEKDAYS:
        return {"repeats": "other" if plan.rule else "once", "which": "", "weekday": ""}
    often = (found["often"], found["interval"] or "1", bool(found["which"]))
    known = {("WEEKLY", "1", False): "week", ("WEEKLY", "2", False): "two_weeks", ("MONTHLY", "1", True): "month"}
    return {"repeats": known.get(often, "other"), "which": found["which"] or "", "weekday": found["weekday"]}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:  # no date: the form says so at its field
        return None


def _first(day: date, weekday: str, which: str) -> date:
    """The first date of the rule from this day on. `which`: 1 to 4 or -1 of a month; empty for every week."""
    found = day + timedelta(days=(WEEKDAYS.index(weekday) - day.weekday()) % 7 if weekday in WEEKDAYS else 0)
    while which in WHICH and not _is(which, found):
        found += timedelta(days=7)
    return found


def _is(which: str, day: date) -> bool:
    if which == "-1":
        return (day + timedelta(days=7)).month != day.month
    return (day.day - 1) // 7 + 1 == int(which)
