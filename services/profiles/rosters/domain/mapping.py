"""Maps an institution's columns to our fields: written once in YAML or JSON, with a section for each kind of file.

A mapping that names a field that only the person may set (identity, story, weights, never-list, consent) is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from services.profiles.kernel.domain.fields import wrong
from services.profiles.members.domain.profile import PERSON_ONLY, Profile
from services.profiles.rosters.domain import loading
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.refusals import worded
from shared.text import clean_line

SETTABLE = frozenset(Profile.model_fields) - {"enrolments"}
SEVERAL = frozenset({"affiliations", "topics_offered", "topics_wanted", "languages", "formats", "available"})
_PERSON_ONLY = PERSON_ONLY | {"never_list", "identity_wish"}
_MOST_ERRORS = 20
MAX_COLUMNS = 500
MAX_COLUMN_NAME = 200
Text = Annotated[str, Field(max_length=4_000)]
_NAME_SHOWN = 50
Column = Annotated[str, Field(max_length=MAX_COLUMN_NAME), AfterValidator(clean_line)]
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
    required: bool = False
    optional: bool = False
    """The column may be missing from the file."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = (self.column is not None) + bool(self.columns) + (self.constant is not None)
        if origins != 1:
            raise wrong("source", "must have exactly one of column, columns and constant")
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


def _delimiter(character: str) -> str:
    if character.isalnum() or not (character.isprintable() or character == "\t") or character in "\"'":
        raise wrong("delimiter", "must be the character between two cells, like , or ; or a tab")
    return character


class Section(_Strict):
    fields: Annotated[Mapping[Column, Source], Field(max_length=50)]
    enrol: Annotated[tuple[Enrol, ...], Field(max_length=100)] = ()
    ignore: Annotated[tuple[Column, ...], Field(max_length=MAX_COLUMNS)] = ()
    """Columns that are not read. Every other column must be mapped, so that none is forgotten unnoticed."""
    authoritative: Annotated[tuple[Column, ...], Field(max_length=50)] = ()
    """Fields whose value in the file replaces a member's own later edit."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_delimiter)] = ","

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        unknown = {*self.fields} - SETTABLE | {*self.authoritative} - SETTABLE - {"enrolments"}
        if unknown:
            named = ", ".join(sorted(unknown)[:_MOST_ERRORS])
            raise wrong("field", f"there is no field {named}: choose from {', '.join(sorted(SETTABLE))}")
        for field in ("name", "email"):
            if field not in self.fields:
                raise wrong("field", f"must say where {field} comes from: without it nobody can be registered")
        for field, source in self.fields.items():
            if source.split is not None and field not in SEVERAL:
                raise wrong(
                    "field", f"{field} has one value, so it cannot be split: split is for {', '.join(sorted(SEVERAL))}"
                )
        return self

    @property
    def sources(self) -> tuple[Source, ...]:
        return (*self.fields.values(), *(enrol.roles for enrol in self.enrol))

    @property
    def read(self) -> frozenset[str]:
        return frozenset(column for source in self.sources for column in source.named)

    @property
    def needed(self) -> frozenset[str]:
        return frozenset(column for source in self.sources if not source.optional for column in source.named)

    def is_required(self, field: str) -> bool:
        return field in {"name", "email"} or self.fields[field].required


class RosterMapping(_Strict):
    version: Annotated[int, Field(ge=1, le=1)] = 1
    sections: Annotated[Mapping[Column, Section], Field(min_length=1, max_length=50)]


def parse(text: bytes, section: str) -> Section:
    """Raises `Rejected` with the path of each error."""
    return parsed(load(text), section)


def parsed(loaded: Any, section: str) -> Section:
    """As `parse`, for the result of `load`."""
    _refuse_person_only(loaded)
    try:
        mapping = RosterMapping.model_validate(loaded)
    except ValidationError as invalid:
        raise _invalid(*_errors(invalid)) from None
    if section not in mapping.sections:
        raise _invalid(FieldError("section", f"must be a section of the mapping: {', '.join(mapping.sections)}"))
    return mapping.sections[section]


def _errors(invalid: ValidationError) -> Iterator[FieldError]:
    errors = invalid.errors(include_url=False, include_input=False)
    for error in errors[:_MOST_ERRORS]:
        yield FieldError(_path(*error["loc"]), worded(error))
    if len(errors) > _MOST_ERRORS:
        yield FieldError("mapping", f"has {len(errors) - _MOST_ERRORS} more errors")


def load(text: bytes) -> Any:
    """Text, lists and mappings only. Raises `Rejected`."""
    try:
        return loading.load(text)
    except loading.UnreadableMapping as unreadable:
        raise _invalid(FieldError("mapping", str(unreadable))) from None


def _refuse_person_only(loaded: Any) -> None:
    """Checked first, in every section: this reason matters more than other errors."""
    sections = loaded.get("sections") if isinstance(loaded, dict) else None
    named = [
        FieldError(_path("sections", name, "fields", field), "can be entered only by the person")
        for name, section in (sections.items() if isinstance(sections, dict) else ())
        if isinstance(section, dict)
        for field in (*_names(section.get("fields")), *_names(section.get("authoritative")))
        if field.strip().lower().replace("-", "_").replace(" ", "_") in _PERSON_ONLY
    ]
    if named:
        raise Rejected(
            "mapping_names_person_only",
            "identity, story, weights, never-list and consent can be entered only by the person: list their columns "
            "under ignore; nothing was imported",
            tuple(named),
        )


def _path(*parts: Any) -> str:
    return ".".join(shown(str(part), _NAME_SHOWN) for part in parts)


def shown(text: str, limit: int) -> str:
    """Shortens foreign text and replaces unprintable characters."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(character if character.isprintable() else "?" for character in short)


def _names(listed: Any) -> tuple[str, ...]:
    return tuple(name for name in listed if isinstance(name, str)) if isinstance(listed, dict | list) else ()


def _invalid(*errors: FieldError) -> Rejected:
    return Rejected("mapping_invalid", "the mapping cannot be used: see errors; nothing was imported", errors)
