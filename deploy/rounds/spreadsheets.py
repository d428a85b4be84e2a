"""Makes a round's input of two spreadsheets and a mapping, with the roster's reader and matching's rules and scores.

The input holds pseudonyms; names and addresses stay here. A row that cannot be read refuses the whole round, so that
no person is left out silently.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.matching.kernel import rules, scoring
from services.matching.kernel.participants import Institution, Member, Person, Preferences, Programme, weights_for
from services.matching.kernel.participants import Policy as Rules
from services.matching.rounds.solver import wishing
from services.matching.rounds.solver.canonical import pointer
from services.matching.rounds.solver.files import Mentee, Mentor, Policy, RoundInput, Target, Wish
from services.matching.rounds.solver.pseudonyms import pseudonyms
from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain import mapping, reading
from shared.contracts.payload import Id, Slug
from shared.contracts.profiles import FACTORS, Factor
from shared.errors import FieldError, Rejected
from shared.refusals import worded

HERE = "here"
"""The institution of all rows. Affiliations show the flow between institutions; no rule reads them."""
_PERSONAL = re.compile(
    r"identit|characteristic|biograph|\bbio\b|story|gender|\bsex|ethnic|\brace\b|religio|disab|orientation|never|weights"
)
_MAX_BYTES = 20_000_000
_MAX_ROWS = 20_000


_Columns = Annotated[tuple[mapping.Column, ...], Field(max_length=mapping.MAX_COLUMNS)]


class Choices(BaseModel):
    """Columns with e-mail addresses of the other side, the first choice first. Empty cells are skipped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mentees: _Columns = ()
    mentors: _Columns = ()


class Plan(BaseModel):
    """The mapping's `round`: what a roster does not contain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    programme: Id
    """The programme whose enrolments count."""
    policy: Slug = "default"
    target: Target = "fit"
    list_length: Annotated[int, Field(ge=1, le=1_000)] = 20
    score_band: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    weights: Mapping[Factor, Annotated[int, Field(ge=0, le=100)]] = {}
    choices: Choices = Choices()
    waiting_days: mapping.Column | None = None
    """A column of the mentees' file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A person of one row, with what a round needs."""

    person: Person
    institution: str
    name: str
    email: str
    waiting_days: int = 0
    choices: Mapping[str, tuple[int, int]]
    """By address: the choice's rank and the line that names it."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """A round's input, and the people behind its pseudonyms."""

    input: RoundInput
    names: Mapping[str, tuple[str, str]]
    """Name and address by pseudonym."""


Side = Literal["mentees", "mentors"]


def read(*, mentors: bytes, mentees: bytes, mapping_file: bytes, target: Target | None) -> Sheets:
    """Raises `Rejected`, naming the file, the line and the column."""
    loaded = mapping.load(mapping_file)
    plan = _plan(loaded)
    rows: dict[Side, list[Row]] = {}
    files: tuple[tuple[Side, bytes], ...] = (("mentors", mentors), ("mentees", mentees))
    for side, content in files:
        rows[side] = list(_people(side, content, loaded, plan))
    return _round(plan.model_copy(update={"target": target or plan.target}), rows)


def _plan(loaded: Any) -> Plan:
    if not isinstance(loaded, dict) or "round" not in loaded:
        raise _refused("mapping", ("round", "the mapping must say which round it is for: round: {id: …, programme: …}"))
    given = loaded.pop("round")
    try:
        plan = Plan.model_validate(given)
    except ValidationError as invalid:
        errors = invalid.errors(include_input=False, include_url=False)
        raise _refused("mapping", *(("round" + pointer(error["loc"]), worded(error)) for error in errors)) from None
    if "identity" in plan.weights:
        raise _refused("mapping", ("round/weights/identity", "counts by a person's own wish only: leave it out"))
    return plan


def _people(side: Side, content: bytes, loaded: Any, plan: Plan) -> Iterator[Row]:
    section = mapping.parsed(loaded, side)
    choices, days = getattr(plan.choices, side), plan.waiting_days if side == "mentees" else None
    ours = {*choices, *([days] if days else [])}
    _refuse_personal(side, section.read | ours)
    if plan.programme not in (known := sorted({enrol.programme for enrol in section.enrol})):
        named = ", ".join(known) or "no programme"
        message = f"the section {side} must enrol in {plan.programme!r}; it enrols in {named}"
        raise _refused("mapping", ("round/programme", message))
    section = section.model_copy(update={"ignore": (*section.ignore, *ours)})
    if len(content) > _MAX_BYTES:
        raise _refused(side, ("", f"must not be larger than {_MAX_BYTES // 1_000_000} MB"))
    try:
        rows = list(islice(reading.rows(io.BytesIO(content), section), _MAX_ROWS + 1))
    except Rejected as unreadable:
        raise _refused(side, *((error.field, error.message) for error in unreadable.errors)) from None
    if len(rows) > _MAX_ROWS:
        raise _refused(side, ("", f"must not have more than {_MAX_ROWS} rows"))
    cells = _cells(content, section.delimiter, wanted=ours, side=side)
    wrong = [
        (", ".join(filter(None, (f"line {row.line}", reason.column))), reason.message)
        for row in rows
        for reason in row.reasons
    ]
    if wrong:
        raise _refused(side, *wrong)
    profiles = [(row.line, row.profile) for row in rows if row.profile is not None]
    for (line, profile), cell in zip(profiles, cells, strict=True):
        waits = _days(cell[days], side, line, days) if days else 0
        chosen = _chosen([cell[column].strip().lower() for column in choices], side, line)
        yield _row(profile, plan, choices=chosen, waiting_days=waits)


def _refuse_personal(side: Side, columns: Iterable[str]) -> None:
    personal = sorted(name for name in columns if _PERSONAL.search(name.lower()))
    if personal:
        named = (("sections." + side, f"column {name!r} must be listed under ignore") for name in personal)
        raise _refused("mapping", *named, why="identity and biography are a person's own, and score nothing")


def _chosen(cells: Sequence[str], side: Side, line: int) -> dict[str, tuple[int, int]]:
    named = [address for address in cells if address]
    if len(set(named)) < len(named):
        raise _refused(side, (f"line {line}", "must name each person once; two choices are the same"))
    return {address: (rank, line) for rank, address in enumerate(named, 1)}


def _cells(content: bytes, delimiter: str, *, wanted: set[str], side: Side) -> list[dict[str, str]]:
    """The columns that the roster's reader ignores, with the same rows as that reader."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True)
    header = [name.strip() for name in next(rows)]
    if absent := sorted(wanted - set(header)):
        raise _refused(
            side, *(("line 1", f"column {name!r}, which the mapping's round names, is missing") for name in absent)
        )
    return [dict(zip(header, row, strict=False)) for row in rows if row]


def _days(cell: str, side: Side, line: int, column: str) -> int:
    if not cell.strip():
        return 0
    if not (cell.strip().isascii() and cell.strip().isdecimal() and int(cell) <= 36_500):  # noqa: PLR2004 -- a century
        raise _refused(side, (f"line {line}, {column}", "must be a whole number of days from 0 to 36500"))
    return int(cell)


def _row(profile: Profile, plan: Plan, *, choices: Mapping[str, tuple[int, int]], waiting_days: int) -> Row:
    roles = {
        role for enrolment in profile.enrolments if enrolment.programme == plan.programme for role in enrolment.roles
    }
    enrolled = frozenset({plan.programme})
    member = Member(
        id=profile.email,
        institution=HERE,
        mentors_in=enrolled if "mentor" in roles else frozenset(),
        mentee_in=enrolled if "mentee" in roles else frozenset(),
        stage=profile.stage,
        specialty=profile.specialty,
        topics_offered=frozenset(profile.topics_offered),
        topics_wanted=frozenset(profile.topics_wanted),
        languages=frozenset(profile.languages),
        formats=frozenset(profile.formats),
        time_zone=profile.time_zone,
        hours=profile.hours_per_month,
        capacity=profile.capacity,
        style=profile.style,
    )
    return Row(
        person=Person(member, Preferences(member=profile.email)),
        institution=profile.affiliations[0] if profile.affiliations else HERE,
        name=profile.name,
        email=profile.email,
        waiting_days=waiting_days,
        choices=choices,
    )


def _round(plan: Plan, rows: Mapping[Side, Sequence[Row]]) -> Sheets:
    policy = Rules(
        Programme(id=plan.programme, institution=HERE, admits=frozenset({HERE}), weights=plan.weights),
        {HERE: Institution(id=HERE)},
    )
    both = [*rows["mentees"], *rows["mentors"]]
    mentees = _pseudonyms("mentee", plan, (row for row in both if rules.is_mentee(row.person, policy)))
    mentors = _pseudonyms("mentor", plan, (row for row in reversed(both) if rules.is_mentor(row.person, policy)))
    _refuse_unknown("mentees", mentees.values(), mentors.values())
    _refuse_unknown("mentors", mentors.values(), mentees.values())
    wished = _wishes(plan, policy, mentees, mentors)
    by_pseudonym = {**mentees, **mentors}
    return Sheets(
        RoundInput(
            format="preceptor-round-input/1",
            round=plan.id,
            target=plan.target,
            policy=Policy(
                id=plan.policy,
                list_length=plan.list_length,
                score_band=plan.score_band,
                weights={factor.replace("_", "-"): weight for factor, weight in sorted(_weights(policy).items())},
            ),
            mentors=tuple(
                Mentor(id=id, institution=row.institution, capacity=row.person.member.capacity)
                for id, row in mentors.items()
            ),
            mentees=tuple(
                Mentee(id=id, institution=row.institution, waiting_days=row.waiting_days, wishes=tuple(wished[id]))
                for id, row in mentees.items()
            ),
        ),
        {id: (row.name, row.email) for id, row in by_pseudonym.items()},
    )


def _weights(policy: Rules) -> dict[str, int]:
    person = Person(Member(id="without-weights", institution=HERE), Preferences(member="without-weights"))
    return dict(zip(FACTORS, weights_for(person, policy.programme), strict=True))


def _pseudonyms(role: str, plan: Plan, people: Iterable[Row]) -> dict[str, Row]:
    """By pseudonym. The first row of a person who is in both files counts."""
    known: dict[str, Row] = {}
    for row in people:
        known.setdefault(row.email, row)
    return {number: known[email] for number, email in pseudonyms(role, known, round=plan.id).items()}


def _refuse_unknown(side: Side, choosing: Iterable[Row], chosen: Iterable[Row]) -> None:
    known = {row.email for row in chosen}
    other = "mentor" if side == "mentees" else "mentee"
    wrong = [
        (line, f"choice {rank} must be the address of a {other} of this round")
        for row in choosing
        for address, (rank, line) in row.choices.items()
        if address not in known
    ]
    if wrong:
        raise _refused(side, *((f"line {line}", message) for line, message in sorted(wrong)))


def _wishes(plan: Plan, policy: Rules, mentees: Mapping[str, Row], mentors: Mapping[str, Row]) -> dict[str, list[Wish]]:
    """The pairs that the hard rules allow, ranked by both sides."""
    pairs = [
        (row, column, score, *_named(mentee, mentor))
        for row, mentee in enumerate(mentees.values())
        for column, mentor in enumerate(mentors.values())
        if (score := _score(mentee.person, mentor.person, policy)) is not None
    ]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 5).T
    ranked = wishing.wishes(
        wishing.Pairs(
            mentee=columns[0], mentor=columns[1], score=columns[2], named=columns[3], mentor_named=columns[4]
        ),
        round=plan.id,
        mentees=list(mentees),
        mentors=list(mentors),
        waiting_days=np.array([mentee.waiting_days for mentee in mentees.values()], dtype=np.int64),
        list_length=plan.list_length,
        score_band=plan.score_band,
    )
    ranking = (ranked.mentee, ranked.mentor, ranked.rank, ranked.mentor_rank, ranked.score)
    ids, others = list(mentees), list(mentors)
    wished: dict[str, list[Wish]] = {id: [] for id in ids}
    for row, column, rank, mentor_rank, score in sorted(zip(*(column.tolist() for column in ranking), strict=True)):
        wished[ids[row]].append(Wish(mentor=others[column], rank=rank, mentor_rank=mentor_rank, score=score))
    return {id: sorted(listed, key=lambda wish: (wish.rank, wish.mentor)) for id, listed in wished.items()}


def _named(mentee: Row, mentor: Row) -> tuple[int, int]:
    """The rank that each gives the other; 0 for none."""
    return mentee.choices.get(mentor.email, (0, 0))[0], mentor.choices.get(mentee.email, (0, 0))[0]


def _score(mentee: Person, mentor: Person, policy: Rules) -> int | None:
    if rules.broken(mentee, mentor, policy) is not None:
        return None
    return sum(scoring.weigh(scoring.factors_of(mentee, mentor), weights_for(mentee, policy.programme)))


def _refused(file: str, *wrong: tuple[str, str], why: str = "nothing was matched") -> Rejected:
    errors = tuple(FieldError(place, message) for place, message in wrong[:20])
    return Rejected("spreadsheet_refused", f"the {file} cannot be used: {why}", errors)
