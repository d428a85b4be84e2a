"""HTTP API of rotations: an institution's system enters who assesses whom; coordinators read the conflicts."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, NoReturn, Self

from fastapi import APIRouter, File, Response, UploadFile
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.matching.conflicts.files import RotationFiles, as_unreadable
from services.matching.conflicts.usecases import Entered, Outcome, Rotations
from services.matching.mentoring.api.relationships import RelationshipRead, position, relationship_read
from services.matching.projections.lookup.api import fields_naming, named, require_one_name
from services.matching.rotations.domain import NamedEntry, Rotation
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.http import (
    IdempotencyKey,
    Limit,
    Page,
    SignedIn,
    Traced,
    moment_before,
    page_of,
    problems,
    router,
    text_after,
)
from shared.identifiers import Email, ExternalId
from shared.offloop import off_loop
from shared.refusals import worded
from shared.scope import Scope
from shared.spreadsheets.mapping import Section
from shared.spreadsheets.rows import ReadRow
from shared.spreadsheets.verdicts import file_refused

_MAX_ROWS = 20_000
_MAX_BODY_BYTES = 8 << 20
_PARTIES = ("assessor", "assessed")
_FILES = RotationFiles({party: fields_naming(party) for party in _PARTIES})
_FILE = f"CSV or XLSX, with the columns {_FILES.columns}; others are not read"
_MAPPING = "YAML or JSON with a section `rotations` for files with other columns (docs: rosters)"


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAX_ID_SHOWN = 200


def _date(value: object) -> object:
    """Accepts ISO dates only: Pydantic would accept a timestamp's digits as a date, even in strict mode."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value) if _DATE.fullmatch(value) else _no_date()
    except ValueError:
        return _no_date()


def _no_date() -> NoReturn:
    raise PydanticCustomError("no_date", "must be a date like 2026-12-01")


Day = Annotated[date, BeforeValidator(_date)]
_EXAMPLE: JsonDict = {"assessor": "0190a8f0-m", "assessed": "0190a8f0-a", "from": "2027-01-04", "to": "2027-02-26"}


class RotationBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    assessor: Id | None = Field(
        default=None,
        description="A member, as `assessed`: one of the two of the own institution at least. Instead of an id, "
        "`assessor_external_id` or `assessor_email` names a member of the own institution",
    )
    assessor_external_id: ExternalId | None = Field(default=None, description="Staff number")
    assessor_email: Email | None = None
    assessed: Id | None = Field(
        default=None, description="The other may be a partner's: both institutions name each other"
    )
    assessed_external_id: ExternalId | None = Field(default=None, description="Staff number")
    assessed_email: Email | None = None
    begins: Day = Field(alias="from")
    ends: Day = Field(alias="to", description="The last day")

    @model_validator(mode="after")
    def _names_both_once(self) -> Self:
        return require_one_name(self, *_PARTIES)


class NewRotation(RotationBody):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"id": "r-2027-17", **_EXAMPLE}})

    id: Id = Field(description="The id in your own system: sending it again changes that rotation")


class NewRotations(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"rotations": [{"id": "r-2027-17", **_EXAMPLE}]}}
    )

    rotations: list[NewRotation] = Field(min_length=1, max_length=1000)


class RotationRead(BaseModel):
    id: str
    assessor: str
    assessed: str
    begins: date = Field(serialization_alias="from")
    ends: date = Field(serialization_alias="to")
    counts_in: list[str] = Field(description="Programmes in which it keeps the two apart now; updated within seconds")


class ErrorRead(BaseModel):
    field: str
    message: str


class VerdictRead(BaseModel):
    line: int | None = Field(default=None, description="Where the row begins in the file; the header is line 1")
    id: str
    verdict: Outcome
    errors: list[ErrorRead] = []


class VerdictsRead(BaseModel):
    created: int
    updated: int
    unchanged: int
    refused: int
    rows: list[VerdictRead] = Field(description="In the order in which they were sent")


def rotations_router(rotations: Rotations) -> APIRouter:
    routes = router(prefix="/rotations", tags=["rotations"], max_body_bytes=_MAX_BODY_BYTES)

    @routes.put("/{rotation}")
    async def enter_rotation(rotation: Id, body: RotationBody, me: SignedIn, trace: Traced) -> RotationRead:
        """By a coordinator or an integrator; the same again changes nothing."""
        return _read(await rotations.enter_one(me, _entry(rotation, body), trace), me.scope)

    @routes.delete("/{rotation}", status_code=204, responses=problems(404))
    async def take_back_rotation(rotation: Id, me: SignedIn, trace: Traced) -> Response:
        """It counts nowhere any more."""
        await rotations.take_back(me, rotation, trace)
        return Response(status_code=204)

    @routes.post("")
    async def enter_rotations(
        body: NewRotations, me: SignedIn, trace: Traced, _key: IdempotencyKey = None
    ) -> VerdictsRead:
        """Each has its own verdict: one that is refused holds up no other."""
        entered = await rotations.enter(me, [_entry(rotation.id, rotation) for rotation in body.rotations], trace)
        return _verdicts([VerdictRead(**_verdict(outcome)) for outcome in entered])

    @routes.post("/upload", response_model=VerdictsRead)
    async def upload_rotations(
        file: Annotated[UploadFile, File(description=_FILE)],
        me: SignedIn,
        trace: Traced,
        mapping: Annotated[UploadFile | None, File(description=_MAPPING)] = None,
        _key: IdempotencyKey = None,
    ) -> Response:
        """The same from a file, at most 20,000 rows."""
        me.require("coordinator", "integrator")
        lines, entries = await off_loop(_parsed, await file.read(), await mapping.read() if mapping else None)
        entered = await rotations.enter(me, entries, trace)
        return Response(await off_loop(_answer, lines, entered), media_type="application/json")

    @routes.get("")
    async def list_rotations(me: SignedIn, *, cursor: str | None = None, limit: Limit = 50) -> Page[RotationRead]:
        """For a coordinator: the institution's, by id, without those that were taken back."""
        page = await rotations.page(me, after=text_after(cursor) or "", limit=limit)
        return page_of(
            page,
            lambda rotation: _read(rotation, me.scope),
            limit=limit,
            position=lambda rotation: rotation.entry.external,
        )

    return routes


def conflicts_router(rotations: Rotations) -> APIRouter:
    routes = router(tags=["rotations"])

    @routes.get("/programmes/{programme}/conflicts", response_model_exclude_none=True, responses=problems(404))
    async def list_conflicts(
        programme: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50
    ) -> Page[RelationshipRead]:
        """For a coordinator: open relationships of the own institution's people in which something has to change."""
        page = await rotations.conflicts(me, programme, before=moment_before(cursor), limit=limit)
        return page_of(page, relationship_read, limit=limit, position=position)

    return routes


def _parsed(content: bytes, mapping_text: bytes | None) -> tuple[dict[int, NamedEntry | VerdictRead], list[NamedEntry]]:
    """Returns the rows by line number, and those of them that can be entered."""
    lines = _rows(content, _FILES.section(mapping_text))
    return lines, [row for row in lines.values() if isinstance(row, NamedEntry)]


def _answer(lines: Mapping[int, NamedEntry | VerdictRead], entered: Iterable[Entered]) -> str:
    """Serializes in a thread what FastAPI would validate and serialize on the event loop."""
    verdicts = iter(entered)
    rows = [
        VerdictRead(line=line, **_verdict(next(verdicts))) if isinstance(row, NamedEntry) else row
        for line, row in lines.items()
    ]
    return _verdicts(rows).model_dump_json(by_alias=True)


def _rows(content: bytes, section: Section | None = None) -> dict[int, NamedEntry | VerdictRead]:
    """Parses each line to an entry or a refusal. Raises `Rejected` where the file as a whole cannot be read."""
    rows: dict[int, NamedEntry | VerdictRead] = {}
    try:
        for id, row in _FILES.read(content, section or _FILES.section(None)):
            rows[row.line] = _row(id, row)
            if len(rows) > _MAX_ROWS:
                raise file_refused(f"a file has at most {_MAX_ROWS} rows: send it in parts")
    except Rejected as refused:
        raise _no_table(as_unreadable(refused)) from None
    return rows


def _row(id: str, row: ReadRow) -> NamedEntry | VerdictRead:
    if row.values is None:
        wrong = [ErrorRead(field=reason.column, message=reason.message) for reason in row.reasons]
        return VerdictRead(line=row.line, id=_shown(id), verdict="refused", errors=wrong)
    try:
        return _entry(row.values["id"], _CELLS.validate_python(row.values))
    except ValidationError as refused:
        errors = [
            ErrorRead(field=".".join(map(str, error["loc"])), message=worded(error)) for error in refused.errors()
        ]
        return VerdictRead(line=row.line, id=_shown(id), verdict="refused", errors=errors)


def _shown(id: str) -> str:
    """Shortens the id and replaces characters that cannot be printed, because the answer is stored in one document."""
    return "".join(character if character.isprintable() else "?" for character in id[:_MAX_ID_SHOWN])


_CELLS: TypeAdapter[NewRotation] = TypeAdapter(NewRotation)


def _entry(id: str, body: RotationBody) -> NamedEntry:
    return NamedEntry(
        external=id.strip(),
        assessor=named(body, "assessor"),
        assessed=named(body, "assessed"),
        begins=body.begins,
        ends=body.ends,
    )


def _verdict(entered: Entered) -> dict[str, object]:
    return {
        "id": entered.external,
        "verdict": entered.outcome,
        "errors": [ErrorRead(field=error.field, message=error.message) for error in entered.errors],
    }


def _verdicts(rows: list[VerdictRead]) -> VerdictsRead:
    def counted(outcome: Outcome) -> int:
        return sum(row.verdict == outcome for row in rows)

    return VerdictsRead(
        created=counted("created"),
        updated=counted("updated"),
        unchanged=counted("unchanged"),
        refused=counted("refused"),
        rows=rows,
    )


def _read(rotation: Rotation, scope: Scope) -> RotationRead:
    entry = rotation.entry
    return RotationRead(
        id=entry.external,
        assessor=entry.assessor,
        assessed=entry.assessed,
        begins=entry.begins,
        ends=entry.ends,
        counts_in=sorted(filter(scope.covers, rotation.programmes)),
    )


def _no_table(message: str) -> Rejected:
    return Rejected("rotations_unreadable", message, (FieldError("file", message),))
