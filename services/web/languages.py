"""The texts of the pages in every language: gettext catalogues in `locales/`, read at start. English is the source.

A language is added by adding `locales/<language>.po`; a test holds every catalogue complete.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_timedelta, get_timezone
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from services.web.labels import LABELS
from services.web.refusals import FIELDS, NOT_ACCEPTED, NOT_POSSIBLE_NOW, REFUSALS, ROWS

FOLDER = Path(__file__).parent / "locales"
SOURCE = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """A language with the reader's regional format and time zone."""

    tag: str
    texts: NullTranslations
    locale: Locale
    zone: tzinfo

    def text(self, source: str) -> str:
        return str(self.texts.ugettext(source))

    def label(self, kind: str, code: str | None) -> str:
        """A code in words; of a code that this version does not know, its own words."""
        if not code:
            return ""
        known = LABELS.get(kind, {}).get(code)
        return self.text(known) if known else code.replace("_", " ").replace("-", " ")

    def options(self, kind: str, codes: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Codes with their words, for a form's choices."""
        return [(code, self.label(kind, code)) for code in codes]

    def refusal(self, code: str, detail: str = "") -> str:
        """Why a service refused. Its own sentence, which is English, is used for English readers only."""
        if code in REFUSALS:
            return self.text(REFUSALS[code])
        if detail:
            return detail if self.tag == SOURCE else self.text(NOT_POSSIBLE_NOW)
        return self.text(REFUSALS["fault"])

    def wrong_value(self, sentence: str) -> str:
        """A service's sentence about a wrong value, which is English, in the reader's language."""
        if self.tag == SOURCE:
            return sentence
        for pattern, text in FIELDS.items():
            if found := re.fullmatch(pattern, sentence):
                return self.text(text).format(*found.groups())
        return self.text(NOT_ACCEPTED)

    def about_row(self, sentence: str) -> tuple[str, bool]:
        """A sentence about a row of a roster in the reader's language, and whether it is: an unknown one is English."""
        for pattern, text in {**ROWS, **FIELDS}.items() if self.tag != SOURCE else ():
            if found := re.fullmatch(pattern, sentence):
                return self.text(text).format(*found.groups()), True
        return sentence, self.tag == SOURCE

    def moment(self, at: datetime) -> str:
        return str(format_datetime(at, "d MMMM y, HH:mm", tzinfo=self.zone, locale=self.locale))

    def day(self, at: datetime) -> str:
        return str(format_date(at.astimezone(self.zone), "long", locale=self.locale))

    def meeting(self, at: datetime) -> str:
        """`Friday, 5 February 2027, 17:00`."""
        return f"{format_date(at.astimezone(self.zone), 'full', locale=self.locale)}, {at.astimezone(self.zone):%H:%M}"

    def date(self, day: date) -> str:
        return str(format_date(day, "long", locale=self.locale))

    def ago(self, at: datetime, now: datetime) -> str:
        return str(format_timedelta(at - now, add_direction=True, locale=self.locale))

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self.locale))

    def weekday(self, number: int) -> str:
        """0: Monday."""
        return str(self.locale.days["format"]["wide"][number])

    def language_name(self, code: str) -> str:
        return str(self.locale.languages.get(code, code))


class Languages:
    def __init__(self, folder: Path = FOLDER) -> None:
        self._texts: Mapping[str, NullTranslations] = {
            SOURCE: NullTranslations(),
            **{path.stem: load(path) for path in sorted(folder.glob("*.po"))},
        }
        self.names = {tag: str(Locale.parse(tag).get_display_name(tag)).capitalize() for tag in self._texts}

    @property
    def tags(self) -> Sequence[str]:
        return tuple(self._texts)

    def texts_in(self, tag: str) -> NullTranslations:
        return self._texts[tag]

    def choose(self, *wanted: str | None, region: str | None = None, time_zone: str = "UTC") -> Language:
        """The first wanted language that there is, else the source. `region`: the reader's own locale, which formats
        dates where its language is the chosen one.
        """
        tag = next((base for each in wanted if each and (base := _base(each)) in self._texts), SOURCE)
        own = region if region and _base(region) == tag else tag
        return Language(tag, self._texts[tag], _locale(own, otherwise=tag), _zone(time_zone))


def load(path: Path) -> NullTranslations:
    """Reads a catalogue from its source, so that there is no compiled file to forget."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(fp=compiled)


def accepted(header: str) -> Sequence[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), the preferred first."""
    weighed = []
    for part in header[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weighed.append((-float(quality or 1), tag))
        except ValueError:  # a malformed preference is ignored
            continue
    return [tag for _, tag in sorted(weighed, key=lambda each: each[0])]


def _base(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()


def _locale(tag: str, *, otherwise: str) -> Locale:
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(otherwise)


def _zone(name: str) -> tzinfo:
    try:
        return get_timezone(name)
    except LookupError:
        return get_timezone("UTC")
