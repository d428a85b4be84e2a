"""The form of e-mail choices: how it shows what is stored, and what it sends. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from services.web.clients.notifications import Preferences
from services.web.pages.forms import Form

FREQUENCIES = ("at_once", "daily", "weekly", "off")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OTHERWISE = "otherwise"
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def form_from_stored(stored: Preferences) -> Form:
    quiet = stored.quiet_hours
    values = {
        **{category: [stored.email.get(category, "")] for category in stored.categories},
        OTHERWISE: [stored.email_otherwise or ""],
        "begins": [quiet.begins if quiet else ""],
        "ends": [quiet.ends if quiet else ""],
        "at": [stored.digest.at],
        "weekday": [stored.digest.weekday],
    }
    return Form(values)


def errors_of(form: Form) -> Mapping[str, str]:
    """The code of what is wrong, by field."""
    errors = {
        name: "time_invalid"
        for name in ("begins", "ends", "at")
        if form.text(name) and not _TIME.fullmatch(form.text(name))
    }
    if not form.text("at"):
        errors["at"] = "time_missing"
    begins, ends = form.text("begins"), form.text("ends")
    if bool(begins) != bool(ends):
        errors["ends" if begins else "begins"] = "quiet_hours_incomplete"
    elif begins and begins == ends:
        errors["ends"] = "quiet_hours_empty"
    return errors


def body_of(form: Form, stored: Preferences) -> Mapping[str, Any]:
    """All choices: the service replaces what it has."""
    begins, ends = form.text("begins"), form.text("ends")
    return {
        "email": {category: form.text(category) for category in stored.categories if form.text(category)},
        "email_otherwise": form.text(OTHERWISE) or None,
        "quiet_hours": {"begins": begins, "ends": ends} if begins else None,
        "digest": {"at": form.text("at"), "weekday": form.text("weekday")},
    }
