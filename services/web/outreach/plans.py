"""The plan of a visit: from a form to the API and back, and its checklist as ticked boxes."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.web.clients.outreach import Item, Visit
from services.web.labels import LABELS
from services.web.languages import Language
from services.web.pages.forms import Form, number_in

FIELDS = ("starts", "time", "zone", "minutes", "school", "contact", "kit")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def empty(*, zone: str) -> Form:
    return Form({"starts": [""], "time": ["10:00"], "zone": [zone], "minutes": ["90"]})


def filled(visit: Visit, language: Language) -> Form:
    """In the reader's time zone."""
    local = visit.starts_at.astimezone(language.zone)
    values = {
        "starts": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M}",
        "zone": str(language.zone),
        "minutes": str(visit.minutes),
        "school": visit.school,
        "contact": visit.contact,
        "kit": visit.kit,
    }
    return Form({name: [value] for name, value in values.items()})


def wrong_fields(form: Form, language: Language) -> Mapping[str, str]:
    """Errors by field, of what the API could not be asked."""
    wrong = {}
    if day_of(form) is None:
        wrong["starts"] = "date_missing"
    if not _CLOCK.fullmatch(form.text("time")):
        wrong["time"] = "clock_time_missing"
    if form.number("minutes") is None:
        wrong["minutes"] = "number_missing"
    if not form.text("school").strip():
        wrong["school"] = "school_missing"
    return {field: language.refusal(code) for field, code in wrong.items()}


def body(form: Form) -> Mapping[str, Any]:
    """The plan for the API. `form` has no wrong fields."""
    return {
        "starts": f"{day_of(form)}T{form.text('time')}",
        "zone": form.text("zone"),
        "minutes": form.number("minutes") or 0,
        "school": form.text("school").strip(),
        "contact": form.text("contact").strip(),
        "kit": form.text("kit").strip() or None,
    }


def day_of(form: Form) -> date | None:
    try:
        return date.fromisoformat(form.text("starts"))
    except ValueError:  # no date: the form says so at its field
        return None


def boxes(visit: Visit, language: Language) -> Sequence[tuple[str, str]]:
    """The checklist as choices, named by their position."""
    return [(str(position), _in_words(item.text, language)) for position, item in enumerate(visit.checklist)]


def ticked(visit: Visit) -> Form:
    return Form({"done": [str(position) for position, item in enumerate(visit.checklist) if item.is_done]})


def checklist(visit: Visit, form: Form) -> Sequence[Item]:
    """The visit's list with what the form ticks, without the item that it removes, and with the one that it adds."""
    done, removed = {number_in(text) for text in form.many("done")}, form.number("remove")
    kept = [
        Item(text=item.text, is_done=position in done)
        for position, item in enumerate(visit.checklist)
        if position != removed
    ]
    new = form.text("new").strip()
    return [*kept, Item(text=new, is_done=False)] if new else kept


def _in_words(text: str, language: Language) -> str:
    known = LABELS["visit_item"].get(text)
    return language.text(known) if known else text
