"""The printable page of a version. It loads nothing, and its policy allows nothing but its own style."""

import base64
import calendar
import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from services.mentorships.agreements.domain.clauses import CLAUSES, ClauseName, Language
from services.mentorships.agreements.usecases.agreements import Printout

_CLAUSES: Mapping[Language, Mapping[ClauseName, str]] = {
    "en": {
        "goals": "Goals",
        "meetings": "How often and how we meet",
        "confidentiality": "Confidentiality and its limits",
        "ending": "How it ends",
        "disputes": "Who helps in a dispute",
        "review": "When we look at this again",
        "principles": "The mentor's principles",
    },
    "de": {
        "goals": "Ziele",
        "meetings": "Wie oft und wie wir uns treffen",
        "confidentiality": "Vertraulichkeit und ihre Grenzen",
        "ending": "Wie es endet",
        "disputes": "Wer im Streitfall hilft",
        "review": "Wann wir wieder darauf schauen",
        "principles": "Grundsätze der Mentorin oder des Mentors",
    },
}


class AgreementPage:
    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("services.mentorships.agreements.api"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._style = self._templates.get_template("page.css").render()
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._headers = {
            "content-security-policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'"
            ),
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }

    def response(self, printout: Printout, *, language: Language | None) -> HTMLResponse:
        return HTMLResponse(self.render(printout, language=language), headers=self._headers)

    def render(self, printout: Printout, *, language: Language | None) -> str:
        version, clauses = printout.written.version, printout.written.clauses
        shown = language or version.language
        names = _CLAUSES[shown]
        values: dict[str, Any] = {
            # The package's own style, without input.
            "style": Markup(self._style),  # noqa: S704
            "language": shown,
            "written_in": version.language,
            "printout": printout,
            "version": version,
            "clauses": [(names[name], clauses[name].text) for name in CLAUSES if name in clauses],
            "day": _german_day if shown == "de" else _english_day,
        }
        return self._templates.get_template(f"page.{shown}.html").render(values)


def _english_day(day: date) -> str:
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"


def _german_day(day: date) -> str:
    return f"{day:%d.%m.%Y}"
