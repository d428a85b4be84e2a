"""Renders notifications in every language from the package's templates: the first line is the title, the rest the body.

Days and times are those of the reader's time zone.
Plain text, so nothing is escaped: a client that shows it in HTML escapes it there. Names are values, never templates.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notifications.kernel.domain import (
    Change,
    ErasureNotice,
    Hint,
    ListChange,
    Message,
    Names,
    Notification,
    PairUpdate,
    Person,
)

LOCALES = ("en", "de")
_FALLBACK = "en"
_NAMED = 3


class Wording:
    def __init__(self) -> None:
        self._templates = ImmutableSandboxedEnvironment(
            loader=PackageLoader("services.notifications"),
            autoescape=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def message(self, notification: Notification, *, locale: str, zone: ZoneInfo, names: Names) -> Message:
        change = notification.change
        template = self._templates.get_template(f"{supported_locale(locale)}/{notification.template}.txt")
        home = notification.recipient.institution
        values = _values(change, home, zone, names)
        text = template.render(programme=_name(names.programmes.get(change.programme)), **values)
        title, _, body = text.strip().partition("\n")
        return Message(title=title.strip(), body=" ".join(body.split()))


def supported_locale(locale: str) -> str:
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in LOCALES else _FALLBACK


def _values(change: Change, home: str, zone: ZoneInfo, names: Names) -> dict[str, Any]:
    if isinstance(change, ListChange):
        return _of_list(change, home, names)
    if isinstance(change, ErasureNotice):
        return {"due_at": _local(change.due_at, zone)}
    if isinstance(change, Hint):
        return {}
    return _of_pair_update(change, home, zone, names) if isinstance(change, PairUpdate) else {"reason": change.reason}


def _of_list(change: ListChange, home: str, names: Names) -> dict[str, Any]:
    named = change.named_to(home)
    return {
        "total": len(change.now),
        "entered": len(change.entered),
        "left": len(change.left),
        "unmatched": change.unmatched,
        "mentors": [_shown(mentor, names, by_name=mentor in named) for mentor in change.entered[:_NAMED]],
    }


def _of_pair_update(update: PairUpdate, home: str, zone: ZoneInfo, names: Names) -> dict[str, Any]:
    other = _shown(update.other, names, by_name=update.other in update.named_to(home))
    return {"side": update.side, "reason": update.reason, "other": other, "at": _local(update.at, zone)}


def _local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment.astimezone(zone) if moment else None


def _shown(person: Person, names: Names, *, by_name: bool) -> dict[str, str]:
    """The person's name only if the reader may see it; the institution's name always."""
    return {
        "name": _name(names.members.get(person.member)) if by_name else "",
        "institution": _name(names.institutions.get(person.institution)),
    }


def _name(name: str | None) -> str:
    """On one line: a line break in a name must not end a title."""
    return " ".join((name or "").split())
