"""Two spreadsheets and a mapping become a round's input: the roster's own reader, matching's own rules and scores.

Names and addresses stay here, beside the pseudonyms that the input holds. A row that cannot be read refuses the round:
nobody is left out in silence.
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
"""The one institution that spreadsheets are of. The flow is told by affiliations, which no rule asks for."""
_PERSONAL = re.compile(
    r"identit|characteristic|biograph|\bbio\b|story|gender|\bsex|ethnic|\brace\b|religio|disab|orientation|never|weights"
)
_MAX_BYTES = 20_000_000
_MAX_ROWS = 20_000
_Count = Annotated[int, Field(ge=1)]


_Columns = Annotated[tuple[mapping.Column, ...], Field(max_length=mapping.MAX_COLUMNS)]


class Choices(BaseModel):
    """Columns that hold e-mail addresses of the other side, the first choice first. Empty cells are passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mentees: _Columns = ()
    mentors: _Columns = ()


class Plan(BaseModel):
    """The mapping's `round`: what a roster does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    programme: Id
    """Whose enrolments count, of all that the sections name."""
    policy: Slug = "default"
    target: Target = "fit"
    list_length: Annotated[int, Field(ge=1, le=1_000)] = 20
    score_band: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    weights: Mapping[Factor, Annotated[int, Field(ge=0, le=100)]] = {}
    choices: Choices = Choices()
    waiting_days: mapping.Column | None = None
    """A column of the mentees' file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Someone:
    """A row, as far as a round needs it."""

    person: Person
    institution: str
    name: str
    email: str
    waiting_days: int = 0
    choices: Mapping[str, tuple[int, int]]
    """Addresses, each with its place among the choices and the line that names it."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """A round's input, and who is behind each pseudonym."""

    input: RoundInput
    names: Mapping[str, tuple[str, str]]
    """Name and address by pseudonym."""


Side = Literal["mentees", "mentors"]


def read(*, mentors: bytes, mentees: bytes, mapping_file: bytes, target: Target | None) -> Sheets:
    """Raises `Rejected`, naming the file, the line and the column."""
    loaded = mapping.load(mapping_file)
    plan = _plan(loaded)
    rows: dict[Side, list[Someone]] = {}
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
        raise _refused("mapping", *(("round" + pointer(one["loc"]), worded(one)) for one in errors)) from None
    if "identity" in plan.weights:
        raise _refused("mapping", ("round/weights/identity", "counts by a person's own wish only: leave it out"))
    return plan


def _people(side: Side, content: bytes, loaded: Any, plan: Plan) -> Iterator[Someone]:
    section = mapping.parsed(loaded, side)
    choices, days = getattr(plan.choices, side), plan.waiting_days if side == "mentees" else None
    ours = {*choices, *([days] if days else [])}
    _refuse_personal(side, section.read | ours)
    if plan.programme not in (known := sorted({one.programme for one in section.enrol})):
        said = f"the section {side} enrols nobody in {plan.programme!r}: it names {', '.join(known) or 'no programme'}"
        raise _refused("mapping", ("round/programme", said))
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
    told = [(row.line, row.profile) for row in rows if row.profile is not None]
    for (line, profile), cell in zip(told, cells, strict=True):
        waits = _days(cell[days], side, line, days) if days else 0
        chosen = _chosen([cell[column].strip().lower() for column in choices], side, line)
        yield _someone(profile, plan, choices=chosen, waiting_days=waits)


def _refuse_personal(side: Side, columns: Iterable[str]) -> None:
    personal = sorted(name for name in columns if _PERSONAL.search(name.lower()))
    if personal:
        named = (("sections." + side, f"column {name!r} must stand under ignore") for name in personal)
        raise _refused("mapping", *named, why="identity and biography are a person's own, and score nothing")


def _chosen(cells: Sequence[str], side: Side, line: int) -> dict[str, tuple[int, int]]:
    named = [address for address in cells if address]
    if len(set(named)) < len(named):
        raise _refused(side, (f"line {line}", "names one person in two choices: each once"))
    return {address: (place, line) for place, address in enumerate(named, 1)}


def _cells(content: bytes, delimiter: str, *, wanted: set[str], side: Side) -> list[dict[str, str]]:
    """What the roster's reader drops, row by row as that reader goes."""
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


def _someone(told: Profile, plan: Plan, *, choices: Mapping[str, tuple[int, int]], waiting_days: int) -> Someone:
    roles = {role for one in told.enrolments if one.programme == plan.programme for role in one.roles}
    enrolled = frozenset({plan.programme})
    member = Member(
        id=told.email,
        institution=HERE,
        mentors_in=enrolled if "mentor" in roles else frozenset(),
        mentee_in=enrolled if "mentee" in roles else frozenset(),
        stage=told.stage,
        specialty=told.specialty,
        topics_offered=frozenset(told.topics_offered),
        topics_wanted=frozenset(told.topics_wanted),
        languages=frozenset(told.languages),
        formats=frozenset(told.formats),
        time_zone=told.time_zone,
        hours=told.hours_per_month,
        capacity=told.capacity,
        style=told.style,
    )
    return Someone(
        person=Person(member, Preferences(member=told.email)),
        institution=told.affiliations[0] if told.affiliations else HERE,
        name=told.name,
        email=told.email,
        waiting_days=waiting_days,
        choices=choices,
    )


def _round(plan: Plan, rows: Mapping[Side, Sequence[Someone]]) -> Sheets:
    policy = Rules(
        Programme(id=plan.programme, institution=HERE, admits=frozenset({HERE}), weights=plan.weights),
        {HERE: Institution(id=HERE)},
    )
    both = [*rows["mentees"], *rows["mentors"]]
    mentees = _pseudonyms("mentee", plan, (one for one in both if rules.is_mentee(one.person, policy)))
    mentors = _pseudonyms("mentor", plan, (one for one in reversed(both) if rules.is_mentor(one.person, policy)))
    _refuse_unknown("mentees", mentees.values(), mentors.values())
    _refuse_unknown("mentors", mentors.values(), mentees.values())
    wished = _wishes(plan, policy, mentees, mentors)
    everybody = {**mentees, **mentors}
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
                Mentor(id=id, institution=one.institution, capacity=one.person.member.capacity)
                for id, one in mentors.items()
            ),
            mentees=tuple(
                Mentee(id=id, institution=one.institution, waiting_days=one.waiting_days, wishes=tuple(wished[id]))
                for id, one in mentees.items()
            ),
        ),
        {id: (one.name, one.email) for id, one in everybody.items()},
    )


def _weights(policy: Rules) -> dict[str, int]:
    nobody = Person(Member(id="nobody", institution=HERE), Preferences(member="nobody"))
    return dict(zip(FACTORS, weights_for(nobody, policy.programme), strict=True))


def _pseudonyms(role: str, plan: Plan, people: Iterable[Someone]) -> dict[str, Someone]:
    """Somebody in both files is one person, read first."""
    known: dict[str, Someone] = {}
    for one in people:
        known.setdefault(one.email, one)
    return {number: known[email] for number, email in pseudonyms(role, known, round=plan.id).items()}


def _refuse_unknown(side: Side, choosing: Iterable[Someone], chosen: Iterable[Someone]) -> None:
    known = {one.email for one in chosen}
    other = "mentor" if side == "mentees" else "mentee"
    wrong = [
        (line, f"choice {place} is the address of no {other} of this round")
        for one in choosing
        for address, (place, line) in one.choices.items()
        if address not in known
    ]
    if wrong:
        raise _refused(side, *((f"line {line}", said) for line, said in sorted(wrong)))


def _wishes(
    plan: Plan, policy: Rules, mentees: Mapping[str, Someone], mentors: Mapping[str, Someone]
) -> dict[str, list[Wish]]:
    """Pairs that the hard rules allow: both sides of each are ranked."""
    pairs = [
        (row, column, score, *_named(one, other))
        for row, one in enumerate(mentees.values())
        for column, other in enumerate(mentors.values())
        if (score := _score(one.person, other.person, policy)) is not None
    ]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 5).T
    ranked = wishing.wishes(
        wishing.Pairs(
            mentee=columns[0], mentor=columns[1], score=columns[2], named=columns[3], mentor_named=columns[4]
        ),
        round=plan.id,
        mentees=list(mentees),
        mentors=list(mentors),
        waiting_days=np.array([one.waiting_days for one in mentees.values()], dtype=np.int64),
        list_length=plan.list_length,
        score_band=plan.score_band,
    )
    each = (ranked.mentee, ranked.mentor, ranked.rank, ranked.mentor_rank, ranked.score)
    ids, others = list(mentees), list(mentors)
    wished: dict[str, list[Wish]] = {id: [] for id in ids}
    for row, column, rank, mentor_rank, score in sorted(zip(*(one.tolist() for one in each), strict=True)):
        wished[ids[row]].append(Wish(mentor=others[column], rank=rank, mentor_rank=mentor_rank, score=score))
    return {id: sorted(listed, key=lambda wish: (wish.rank, wish.mentor)) for id, listed in wished.items()}


def _named(one: Someone, other: Someone) -> tuple[int, int]:
    return one.choices.get(other.email, (0, 0))[0], other.choices.get(one.email, (0, 0))[0]


def _score(mentee: Person, mentor: Person, policy: Rules) -> int | None:
    if rules.broken(mentee, mentor, policy) is not None:
        return None
    return sum(scoring.weigh(scoring.factors_of(mentee, mentor), weights_for(mentee, policy.programme)))


def _refused(file: str, *wrong: tuple[str, str], why: str = "nothing was matched") -> Rejected:
    errors = tuple(FieldError(place, message) for place, message in wrong[:20])
    return Rejected("spreadsheet_refused", f"the {file} cannot be used: {why}", errors)
