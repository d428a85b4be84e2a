"""The window of time that a mentor offers: from a form to the API, and the slots that it has room for."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from services.web.languages import Language
from services.web.pages.forms import Form

MINUTES = ("20", "30", "45", "60")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def empty(*, zone: str) -> Form:
    return Form({"day": [""], "starts": ["17:00"], "ends": ["18:00"], "minutes": ["30"], "zone": [zone]})


def wrong_fields(form: Form, language: Language) -> Mapping[str, str]:
    """Errors by field, of what the API could not be asked."""
    wrong = {name: "clock_time_missing" for name in ("starts", "ends") if not _CLOCK.fullmatch(form.text(name))}
    if _day(form) is None:
        wrong["day"] = "date_missing"
    if form.text("minutes") not in MINUTES:
        wrong["minutes"] = "minutes_missing"
    if not wrong and not times(form):
        wrong["ends"] = "flash_window_invalid.ends"
    return {field: language.refusal(code) for field, code in wrong.items()}


def times(form: Form) -> Sequence[tuple[str, str]]:
    """Local start and end of each slot, as the API divides the window. `form` has no other wrong field."""
    length = timedelta(minutes=form.number("minutes") or 0)
    begins, ends = (datetime.fromisoformat(f"{_day(form)}T{form.text(name)}") for name in ("starts", "ends"))
    found = [begins + length * number for number in range(max((ends - begins) // length, 0))]
    return [(f"{at:%H:%M}", f"{at + length:%H:%M}") for at in found]


def body(form: Form) -> Mapping[str, Any]:
    """The window for the API. `form` has no wrong fields."""
    return {
        "starts": f"{_day(form)}T{form.text('starts')}",
        "ends": f"{_day(form)}T{form.text('ends')}",
        "zone": form.text("zone"),
        "minutes": form.number("minutes") or 0,
        "topic": form.text("topic").strip(),
        "link": form.text("link").strip() or None,
    }


def _day(form: Form) -> date | None:
    try:
        return date.fromisoformat(form.text("day"))
    except ValueError:  # no date: the form says so at its field
        return None
