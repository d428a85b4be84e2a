"""Maps an institution's columns to fields: written once in YAML or JSON, with a section for each kind of file.

A mapping that names a field that only the person may set (identity, story, weights, never-list, consent), or reads a
column with such data, is refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.spreadsheets import mapping_text, personal
from shared.spreadsheets.cleaning import clean_title
from shared.spreadsheets.decoding import ENCODINGS
from shared.spreadsheets.packages import MAX_COLUMNS
from shared.spreadsheets.tables import Layout
from shared.spreadsheets.verdicts import MAX_COLUMN_NAME, mapping_errors, mapping_refused, path, wrong
from shared.text import clean_line

_MOST_NAMED = 20
_MOST_SEPARATORS = 20
"""In a value that is translated."""
_DATE_SIGNS = frozenset("dmYybBjaAHIMSpfzZ%")
_SIGNS = re.compile(r"%(.?)")
_DAY = datetime(2026, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a kind of file can set."""

    names: frozenset[str]
    several: frozenset[str] = frozenset()
    """Fields with a list of values."""
    numbers: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    identity: tuple[str, ...] = ()
    """Fields by which two rows are the same person's, the strongest first."""
    required: tuple[str, ...] = ()
    purpose: str = "nobody can be registered"
    """What is impossible without the required fields."""
    person_only: frozenset[str] = frozenset()
    enrols: bool = False


def _of_dates(format: str) -> str:
    """Each sign once, because a longer pattern takes long to compare, and a day that is written can be read again."""
    signs = _SIGNS.findall(format)
    if not format.isprintable() or not {*signs} <= _DATE_SIGNS or len({*signs}) < len(signs):
        raise wrong("must be a format of dates with each sign once, like %d.%m.%Y or %Y-%m-%d %H:%M")
    try:
        read = datetime.strptime(_DAY.strftime(format), format).date()  # noqa: DTZ007 -- a day has no zone
    except ValueError:
        read = None
    if read != _DAY.date():
        raise wrong("must have day, month and year, like %d.%m.%Y")
    return format


def _title(name: Any) -> Any:
    """A line end or a no-break space in a column's name counts as a space, as in the file."""
    return " ".join(name.replace("\u00a0", " ").split()) if isinstance(name, str) and name.split() else name


Text = Annotated[str, Field(max_length=4_000)]
Format = Annotated[str, Field(min_length=2, max_length=100), AfterValidator(_of_dates)]
"""In the signs of `strftime`."""
Column = Annotated[str, Field(max_length=MAX_COLUMN_NAME), AfterValidator(clean_line), AfterValidator(clean_title)]
Values = Text | Annotated[list[Text], Field(max_length=50)]
"""A scalar, or a list where the field has several values. YAML's scalars are all read as text."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Strict):
    """The source of a value: one column, several columns joined by a space, or a constant."""

    column: Column | None = None
    columns: Annotated[tuple[Column, ...], Field(max_length=20)] = ()
    constant: Values | None = None
    values: Annotated[Mapping[Text, Values], Field(max_length=5_000)] | None = None
    """Translations; if given, a cell that is not among them is refused."""
    split: Annotated[str, Field(min_length=1, max_length=5)] | None = None
    """The separator between several values of one cell."""
    slug: bool = False
    """`Internal Medicine` becomes `internal-medicine`."""
    default: Values | None = None
    """For an empty cell; without a default, an empty cell changes nothing."""
    format: Format | None = None
    """How a date is written: `%d.%m.%Y`."""
    required: bool = False
    optional: bool = False
    """The column may be missing from the file."""

    @field_validator("column", mode="before")
    @classmethod
    def _one_line(cls, name: Any) -> Any:
        return _title(name)

    @field_validator("columns", mode="before")
    @classmethod
    def _each_one_line(cls, names: Any) -> Any:
        return [_title(name) for name in names] if isinstance(names, list) else names

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.split is not None and any(value.count(self.split) > _MOST_SEPARATORS for value in self.values or ()):
            raise wrong(f"has a value with more than {_MOST_SEPARATORS} separators")
        origins = (self.column is not None) + bool(self.columns) + (self.constant is not None)
        if origins != 1:
            raise wrong("must have exactly one of column, columns and constant")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        return (self.column,) if self.column is not None else self.columns


class Enrol(_Strict):
    programme: Id
    roles: Source

    @field_validator("roles", mode="before")
    @classmethod
    def _always(cls, roles: Any) -> Any:
        """A plain list applies to every row."""
        return {"constant": roles} if isinstance(roles, str | list) else roles


class LatestBy(_Strict):
    """Of several rows of one person the one with the latest time counts."""

    column: Column
    format: Format | None = None
    """Without it ISO: `2026-09-01 10:00`."""


def _delimiter(character: str) -> str:
    if character.isalnum() or not (character.isprintable() or character == "\t") or character in "\"'":
        raise wrong("must be the character between two cells, like , or ; or a tab")
    return character


def _encoding(name: str) -> str:
    known = name.lower().replace("windows-", "cp").replace("_", "-").replace("latin-1", "iso-8859-1")
    known = {"latin1": "iso-8859-1", "utf8": "utf-8", "utf16": "utf-16", "shift-jis": "shift_jis"}.get(known, known)
    if known not in ENCODINGS:
        raise wrong(f"must be one of {', '.join(ENCODINGS)}")
    return known


class Section(_Strict):
    fields: Annotated[Mapping[Column, Source], Field(max_length=50)]
    enrol: Annotated[tuple[Enrol, ...], Field(max_length=100)] = ()
    ignore: Annotated[tuple[Column, ...], Field(max_length=MAX_COLUMNS)] = ()
    """Columns that are not read. Every other column must be mapped, so that none is forgotten unnoticed."""
    ignore_others: bool = False
    """Columns that are not mapped are not read."""
    authoritative: Annotated[tuple[Column, ...], Field(max_length=50)] = ()
    """Fields whose value in the file replaces a member's own later edit."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_delimiter)] | None = None
    encoding: Annotated[str, Field(max_length=50), AfterValidator(_encoding)] | None = None
    sheet: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Of a workbook; without it the first that is not hidden."""
    skip_rows: Annotated[int, Field(ge=0, le=50)] = 0
    latest_by: LatestBy | None = None

    @field_validator("ignore", mode="before")
    @classmethod
    def _one_line_each(cls, names: Any) -> Any:
        return [_title(name) for name in names] if isinstance(names, list) else names

    @field_validator("latest_by", mode="before")
    @classmethod
    def _by_column(cls, named: Any) -> Any:
        return {"column": _title(named)} if isinstance(named, str) else named

    @model_validator(mode="after")
    def _known_fields(self, info: ValidationInfo) -> Self:
        target: Fields = (info.context or {})["fields"]
        unknown = {*self.fields} - target.names | {*self.authoritative} - target.names - {"enrolments"}
        if unknown:
            named = ", ".join(sorted(unknown)[:_MOST_NAMED])
            raise wrong(f"there is no field {named}: choose from {', '.join(sorted(target.names))}")
        for field in target.required:
            if field not in self.fields:
                raise wrong(f"must say where {field} comes from: without it {target.purpose}")
        if self.enrol and not target.enrols:
            raise wrong("leave out enrol: this kind of file enrols nobody")
        for field, source in self.fields.items():
            if source.split is not None and field not in target.several:
                listed = ", ".join(sorted(target.several)) or "no field of this kind of file"
                raise wrong(f"{field} has one value, so it cannot be split: split is for {listed}")
            if source.format is not None and field not in target.dates:
                raise wrong(f"{field} is no date, so it has no format")
        return self

    @property
    def layout(self) -> Layout:
        return Layout(delimiter=self.delimiter, encoding=self.encoding, sheet=self.sheet, skip_rows=self.skip_rows)

    @property
    def sources(self) -> tuple[Source, ...]:
        return (*self.fields.values(), *(enrol.roles for enrol in self.enrol))

    @property
    def read(self) -> frozenset[str]:
        return frozenset(column for source in self.sources for column in source.named)

    @property
    def needed(self) -> frozenset[str]:
        """Columns that the file must have."""
        latest = {self.latest_by.column} if self.latest_by else set()
        return frozenset(column for source in self.sources if not source.optional for column in source.named) | latest


class SectionedMapping(_Strict):
    version: Annotated[int, Field(ge=1, le=1)] = 1
    sections: Annotated[Mapping[Column, Section], Field(min_length=1, max_length=50)]


def parse(text: bytes, section: str, fields: Fields) -> Section:
    """Raises `Rejected` with the path of each error."""
    return parsed(load(text), section, fields)


def parsed(loaded: Any, section: str, fields: Fields) -> Section:
    """As `parse`, for the result of `load`."""
    _refuse_person_only(loaded, fields.person_only)
    try:
        mapping = SectionedMapping.model_validate(loaded, context={"fields": fields})
    except ValidationError as invalid:
        raise mapping_refused(*mapping_errors(invalid)) from None
    if section not in mapping.sections:
        raise mapping_refused(FieldError("section", f"must be a section of the mapping: {', '.join(mapping.sections)}"))
    chosen = mapping.sections[section]
    refuse_personal(section, chosen.read)
    return chosen


def load(text: bytes) -> Any:
    """Text, lists and mappings only. Raises `Rejected`."""
    try:
        return mapping_text.load(text)
    except mapping_text.UnreadableMapping as unreadable:
        raise mapping_refused(FieldError("mapping", str(unreadable))) from None


def refuse_personal(section: str, columns: Iterable[str]) -> None:
    """Raises `Rejected` for columns whose names say that they hold data which only the person may enter."""
    named = [
        FieldError(path("sections", section), f"column {name!r} must be listed under ignore")
        for name in sorted(columns)
        if personal.is_personal(name)
    ]
    if named:
        raise Rejected(
            "mapping_reads_personal",
            "identity and biography can be entered only by the person, and score nothing; nothing was read",
            tuple(named[:_MOST_NAMED]),
        )


def _refuse_person_only(loaded: Any, person_only: frozenset[str]) -> None:
    """Checked first, in every section: this reason matters more than other errors."""
    sections = loaded.get("sections") if isinstance(loaded, dict) else None
    named = [
        FieldError(path("sections", name, "fields", field), "can be entered only by the person")
        for name, section in (sections.items() if isinstance(sections, dict) else ())
        if isinstance(section, dict)
        for field in (*_names(section.get("fields")), *_names(section.get("authoritative")))
        if field.strip().lower().replace("-", "_").replace(" ", "_") in person_only
    ]
    if named:
        raise Rejected(
            "mapping_names_person_only",
            "identity, story, weights, never-list and consent can be entered only by the person: list their columns "
            "under ignore; nothing was imported",
            tuple(named),
        )


def _names(listed: Any) -> tuple[str, ...]:
    return tuple(name for name in listed if isinstance(name, str)) if isinstance(listed, dict | list) else ()
