"""Printable pages, from the templates of a package: they load nothing, and their policy allows only their own style.

A package has `page.css`, and a template for each page and language.
"""

import base64
import calendar
import hashlib
from datetime import date
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


class Printing:
    def __init__(self, package: str) -> None:
        self._templates = Environment(
            loader=PackageLoader(package),
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

    def page(self, *, language: str, **values: Any) -> HTMLResponse:
        """`page.<language>.html` with these values, its `style` and `day`, which writes a date in this language."""
        template = self._templates.get_template(f"page.{language}.html")
        day = _german_day if language == "de" else _english_day
        style = Markup(self._style)  # noqa: S704 -- the package's own style, without input
        return HTMLResponse(template.render(style=style, language=language, day=day, **values), headers=self._headers)


def _english_day(day: date) -> str:
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"


def _german_day(day: date) -> str:
    return f"{day:%d.%m.%Y}"
