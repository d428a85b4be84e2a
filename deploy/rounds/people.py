"""Reads the people of a round from a mentors' and a mentees' spreadsheet, with the roster's code."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from deploy.rounds.plan import Plan
from deploy.rounds.refusals import refused
from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.fields import ROSTER
from services.profiles.rosters.domain.reading import SourceRow, source_rows
from shared.errors import Rejected
from shared.spreadsheets import mapping, rows
from shared.spreadsheets.cleaning import clean_number, name_key
from shared.spreadsheets.tables import Layout
from shared.spreadsheets.verdicts import Reason, grouped

Side = Literal["mentees", "mentors"]
ROUND = replace(ROSTER, required=("name",), purpose="nobody can be matched")
"""A roster's fields, of which a round needs the name only."""
_MAX_BYTES = 20_000_000
_MAX_ROWS = 20_000
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A person of one row."""

    id: str
    """E-mail address, else staff number, else name."""
    line: int
    profile: Profile
    waiting_days: int = 0
    chosen: Sequence[str] = ()
    """As written in the file, the first choice first."""

    @property
    def stated(self) -> frozenset[str]:
        """The fields about which the file says something."""
        return frozenset(self.profile.model_fields_set)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    line: int
    cells: Sequence[str]
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleFile:
    """A file of one side: the rows that were read, and those that were not."""

    side: Side
    header: Sequence[str]
    form: str
    layout: Layout
    """As the mapping names it."""
    people: Sequence[Participant] = ()
    refused: Sequence[RefusedRow] = ()
    warnings: Sequence[str] = field(default_factory=list)


def read_people(side: Side, content: bytes, loaded: Any, plan: Plan) -> PeopleFile:
    """Raises `Rejected` where the file or its mapping is wrong as a whole."""
    section = _section(side, loaded, plan)
    if len(content) > _MAX_BYTES:
        raise refused(side, ("", f"must not be larger than {_MAX_BYTES // 1_000_000} MB"))
    choice = getattr(plan.choices, side)
    days = plan.waiting_days if side == "mentees" else None
    further = [*choice.read, *([days] if days else [])]
    try:
        sheet = rows.read(io.BytesIO(content), section, ROUND, further=further)
        read = list(islice(source_rows(sheet.rows, section), _MAX_ROWS + 1))
    except Rejected as unreadable:
        raise refused(side, *((error.field, error.message) for error in unreadable.errors)) from None
    if len(read) > _MAX_ROWS:
        raise refused(side, ("", f"must not have more than {_MAX_ROWS} rows"))
    if not read:
        raise refused(side, ("", "has column names and nothing below them: add a row for each person"))
    return _people(PeopleFile(side=side, header=sheet.header, form=sheet.form, layout=section.layout), read, plan)


def refuse_rows(file: PeopleFile) -> None:
    """Raises `Rejected` with the file's refused rows, grouped by kind."""
    if file.refused:
        kinds = grouped((row.line, row.reasons) for row in file.refused)
        count = f"{len(file.refused)} of {len(file.refused) + len(file.people)} rows are wrong"
        why = f"{count}, and nothing was matched; --leave-out matches the others"
        raise refused(file.side, *((error.field, error.message) for error in kinds), why=why)


def _section(side: Side, loaded: Any, plan: Plan) -> mapping.Section:
    section = mapping.parsed(loaded, side, ROUND)
    further = {*getattr(plan.choices, side).read, *([plan.waiting_days] if plan.waiting_days else [])}
    mapping.refuse_personal(side, further)
    if plan.programme not in (known := sorted({enrol.programme for enrol in section.enrol})):
        named = ", ".join(known) or "no programme"
        message = f"the section {side} must enrol in {plan.programme!r}; it enrols in {named}"
        raise refused("mapping", ("round/programme", message))
    return section


def _people(file: PeopleFile, read: Sequence[SourceRow], plan: Plan) -> PeopleFile:
    people: dict[str, Participant] = {}
    wrong: list[RefusedRow] = []
    warnings: list[str] = []
    for read_row in read:
        source, row = read_row.source, read_row.row
        if source.replaces is not None:
            warnings.append(
                f"line {source.replaces}: the same person answered later, in line {source.line}; that counts"
            )
        reasons = list(row.reasons)
        person = None
        if row.profile is not None:
            person, reasons = _participant(row.profile, source.line, source.further, file.side, plan)
            if person is not None and (before := people.get(person.id)):
                reasons = [
                    Reason("", f"has the same name as line {before.line}, and no address or number tells them apart")
                ]
        if person is not None and not reasons:
            people[person.id] = person
        else:
            wrong.append(RefusedRow(line=source.line, cells=source.cells, reasons=reasons))
    return replace(file, people=list(people.values()), refused=wrong, warnings=warnings)


def _participant(
    profile: Profile, line: int, further: Mapping[str, str], side: Side, plan: Plan
) -> tuple[Participant | None, list[Reason]]:
    reasons: list[Reason] = []
    days = 0
    if side == "mentees" and plan.waiting_days and (cell := clean_number(further[plan.waiting_days])):
        if cell.isascii() and cell.isdecimal() and int(cell) <= _MOST_DAYS:
            days = int(cell)
        else:
            reasons.append(Reason(plan.waiting_days, f"must be a whole number of days from 0 to {_MOST_DAYS}"))
    chosen, wrong = _chosen(further, side, plan)
    reasons += wrong
    if reasons:
        return None, reasons
    id = profile.email or profile.external_id or name_key(profile.name)
    return Participant(id=id, line=line, profile=profile, waiting_days=days, chosen=chosen), []


def _chosen(further: Mapping[str, str], side: Side, plan: Plan) -> tuple[list[str], list[Reason]]:
    choice = getattr(plan.choices, side)
    if choice.grid:
        return _ranked({column: clean_number(further[column]) for column in choice.grid if further[column]})
    cells = (further[column] for column in choice.columns)
    parts = (part for cell in cells for part in (cell.split(choice.split) if choice.split else [cell]))
    return [part.strip() for part in parts if part.strip()], []


def _ranked(cells: Mapping[str, str]) -> tuple[list[str], list[Reason]]:
    wrong = [column for column, cell in cells.items() if not (cell.isascii() and cell.isdecimal() and len(cell) < 4)]  # noqa: PLR2004 -- up to 999
    if wrong:
        return [], [Reason(column, "must be a rank like 1, 2 or 3, or empty") for column in wrong]
    return sorted(cells, key=lambda column: int(cells[column])), []
