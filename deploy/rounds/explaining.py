"""Explains a file before there is a mapping: its columns, a suggested mapping, and its first rows read with that."""

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from deploy.rounds.people import ROUND
from deploy.rounds.plan import plan_of
from services.profiles.rosters.domain.reading import source_rows
from shared.spreadsheets import mapping, personal, rows
from shared.spreadsheets.cleaning import comparison_key
from shared.spreadsheets.tables import Layout, open_table
from shared.spreadsheets.verdicts import shown

_ROWS = 3
_SHOWN = 60
_KNOWN: Mapping[str, Sequence[str]] = {
    "name": ("name", "full name", "your name", "what is your name?", "vollständiger name"),
    "email": (
        "email",
        "e-mail",
        "mail",
        "email address",
        "e-mail address",
        "your e-mail",
        "e-mail-adresse",
        "username",
    ),
    "external_id": ("staff number", "employee number", "employee id", "student id", "id", "personalnummer"),
    "stage": ("stage", "career stage", "grade", "karrierestufe"),
    "specialty": ("specialty", "speciality", "department", "fachrichtung", "fachgebiet"),
    "topics_offered": ("topics", "topics offered", "expertise", "themen"),
    "topics_wanted": ("topics wanted", "interests", "goals", "wünsche"),
    "languages": ("languages", "language", "sprachen", "sprache"),
    "formats": ("formats", "format", "meeting format"),
    "hours_per_month": ("hours", "hours per month", "hours a month", "stunden"),
    "capacity": ("capacity", "places", "number of mentees", "plätze", "kapazität"),
    "least_group": ("minimum group size", "least group", "smallest group", "kleinste gruppe"),
    "mentors_wanted": ("mentors wanted", "number of mentors"),
    "time_zone": ("time zone", "timezone", "zeitzone"),
}
_PARTS = (("first name", "last name"), ("first", "last"), ("given name", "surname"), ("vorname", "nachname"))
_LISTS = frozenset({"topics_offered", "topics_wanted", "languages", "formats"})


def explain(content: bytes) -> Iterator[str]:
    """Lines for people. Raises `Rejected` for a file that cannot be read."""
    table = open_table(io.BytesIO(content), Layout(), lambda header: len(header) > 1)
    count = sum(1 for _ in table.rows)
    yield f"{table.form}; {count} rows"
    yield "columns: " + ", ".join(repr(shown(title, _SHOWN)) for title in table.header if title)
    text = "\n".join(_suggested(table.header))
    yield from ("", "a mapping to begin with (docs/rosters.md lists the fields):", "", text)
    loaded = mapping.load(text.encode())
    plan_of(loaded)
    section = mapping.parsed(loaded, "mentors", ROUND)
    yield from ("", f"the first {_ROWS} rows as this mapping reads them:")
    sheet = rows.read(io.BytesIO(content), section, ROUND)
    for read in islice(source_rows(sheet.rows, section), _ROWS):
        row = read.row
        if row.profile is None:
            reasons = "; ".join(": ".join(filter(None, (reason.column, reason.message))) for reason in row.reasons)
            yield f"  line {row.line} is refused: {reasons}"
        else:
            given = row.profile.model_dump(include=row.profile.model_fields_set - {"enrolments"}, mode="json")
            yield f"  line {row.line}: " + ", ".join(
                f"{name} = {shown(str(value), _SHOWN)}" for name, value in given.items()
            )


def _suggested(header: Sequence[str]) -> Iterator[str]:
    by_key = {comparison_key(title): title for title in header if title and not personal.is_personal(title)}
    sources = {field: title for field, names in _KNOWN.items() if (title := _first(by_key, names))}
    used = set(sources.values())
    yield "version: 1"
    yield "round: {id: my-round, programme: my-programme}"
    yield "sections:"
    yield "  mentors:                      # and the same for mentees"
    yield "    fields:"
    if "name" not in sources:
        parts = next((pair for pair in _PARTS if all(part in by_key for part in pair)), None)
        titles = [by_key[part] for part in parts] if parts else [next(iter(by_key.values()), "name")]
        used.update(titles)
        yield f"      name: {{columns: [{', '.join(map(_quoted, titles))}]}}"
    for field, title in sources.items():
        extra = ', split: ";", slug: true' if field.startswith("topics") else ', split: ";"' if field in _LISTS else ""
        slug = ", slug: true" if field == "specialty" else ""
        yield f"      {field}: {{column: {_quoted(title)}{extra}{slug}}}"
    yield "    enrol: [{programme: my-programme, roles: [mentor]}]"
    others = [title for title in header if title and title not in used]
    if others:
        yield f"    ignore: [{', '.join(map(_quoted, dict.fromkeys(others)))}]"


def _first(by_key: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((by_key[name] for name in names if name in by_key), None)


def _quoted(title: str) -> str:
    return '"' + title.replace("\\", "\\\\").replace('"', '\\"') + '"'
