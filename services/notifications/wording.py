"""The words, in every language, from the package's templates: the first line is the title, the rest the body.

Plain text, so nothing is escaped: whoever shows it in HTML escapes it there. Names are values, never templates.
"""

from collections.abc import Sequence

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notifications.domain import Mentor, Notification
from services.notifications.usecases.reading import Message, Names

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

    def message(self, notification: Notification, *, locale: str, names: Names) -> Message:
        change = notification.change
        template = self._templates.get_template(f"{_supported(locale)}/{notification.template}.txt")
        text = template.render(
            programme=_name(names.programmes.get(change.programme)),
            total=len(change.now),
            entered=len(change.entered),
            left=len(change.left),
            unmatched=change.unmatched,
            mentors=_mentors(change.entered[:_NAMED], home=notification.recipient.institution, names=names),
        )
        title, _, body = text.strip().partition("\n")
        return Message(title=title.strip(), body=" ".join(body.split()))


def _supported(locale: str) -> str:
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in LOCALES else _FALLBACK


def _mentors(mentors: Sequence[Mentor], *, home: str, names: Names) -> list[dict[str, str]]:
    """Own people by name; another institution's only by the institution's."""
    return [
        {
            "name": _name(names.members.get(mentor.member)) if mentor.institution == home else "",
            "institution": _name(names.institutions.get(mentor.institution)),
        }
        for mentor in mentors
    ]


def _name(name: str | None) -> str:
    """On one line: a line break in a name must not end a title."""
    return " ".join((name or "").split())
