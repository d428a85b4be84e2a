"""Makes a round's input of two spreadsheets and a mapping, with the roster's reader and matching's rules and scores.

The input holds pseudonyms; names and addresses stay here. What a file says nothing about rules nobody out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from deploy.rounds import choices as choosing
from deploy.rounds.choices import NO_PAIRS, Directory, PairsFile
from deploy.rounds.eligible import WHY, Eligible, Ranks, eligible
from deploy.rounds.people import Participant, PeopleFile, Side, read_people, refuse_rows
from deploy.rounds.persons import HERE, persons
from deploy.rounds.plan import Plan, plan_of
from deploy.rounds.refusals import refused
from services.matching.kernel import rules
from services.matching.kernel.participants import Institution, Member, Person, Preferences, Programme, weights_for
from services.matching.kernel.participants import Policy as Rules
from services.matching.rounds.solver import wishing
from services.matching.rounds.solver.files import Mentee, Mentor, Pair, Policy, RoundInput, Target, Wish
from services.matching.rounds.solver.pseudonyms import pseudonyms
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS
from shared.spreadsheets import mapping

People = Mapping[str, Participant]
"""By pseudonym."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The content of a coordinator's files. `apart` and `together` have the names of their files."""

    mentors: bytes
    mentees: bytes
    mapping: bytes
    apart: tuple[str, bytes] | None = None
    together: tuple[str, bytes] | None = None
    target: Target | None = None
    leave_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """A round's input, and what only the files know."""

    input: RoundInput
    people: People
    """Mentees and mentors, behind their pseudonyms."""
    files: Sequence[PeopleFile]
    warnings: Sequence[str] = ()
    impossible: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """By mentee: the ranks of own choices that a rule forbids."""
    mentees_chose: Ranks = field(default_factory=dict)
    forbids: Mapping[str, tuple[int, Unmatched | None]] = field(default_factory=dict)
    """By mentor: how many mentees may be matched, and the rule that forbids most others."""
    unmatchable: Mapping[str, Unmatched] = field(default_factory=dict)
    """By mentee who cannot be matched with anybody: the rule that forbids most mentors."""

    @property
    def names(self) -> Mapping[str, tuple[str, str]]:
        return {id: (person.profile.name, person.profile.email) for id, person in self.people.items()}


@dataclass(frozen=True, slots=True)
class Files:
    """The two files as they were read, some of whose rows may be refused."""

    plan: Plan
    mentors: PeopleFile
    mentees: PeopleFile

    def file(self, side: Side) -> PeopleFile:
        return self.mentors if side == "mentors" else self.mentees


def read_files(given: Given) -> Files:
    """Raises `Rejected` where a file as a whole is wrong."""
    loaded = mapping.load(given.mapping)
    plan = plan_of(loaded)
    plan = plan.model_copy(update={"target": given.target or plan.target})
    return Files(
        plan, read_people("mentors", given.mentors, loaded, plan), read_people("mentees", given.mentees, loaded, plan)
    )


def read(given: Given) -> Sheets:
    """Raises `Rejected`, naming the file, the line and the column."""
    return cohort(read_files(given), given)


def cohort(files: Files, given: Given) -> Sheets:
    """Raises `Rejected` for a refused row, unless it may be left out."""
    for file in (files.mentors, files.mentees):
        if not given.leave_out or not file.people:
            refuse_rows(file)
    return _Cohort(files).sheets(given)


class _Cohort:
    def __init__(self, files: Files) -> None:
        plan = self._plan = files.plan
        self._files = files.mentees, files.mentors
        self._policy = Rules(
            Programme(id=plan.programme, institution=HERE, admits=frozenset({HERE}), weights=plan.weights),
            {HERE: Institution(id=HERE)},
        )
        both = [*files.mentees.people, *files.mentors.people]
        known = persons(both, plan.programme)
        rows = list(zip(both, known, strict=True))
        seeking = [(row, person) for row, person in rows if rules.is_mentee(person, self._policy)]
        offering = [(row, person) for row, person in reversed(rows) if rules.is_mentor(person, self._policy)]
        self._mentees, self._mentee_persons = self._named("mentee", seeking)
        self._mentors, self._mentor_persons = self._named("mentor", offering)
        self._directories = Directory(self._mentees), Directory(self._mentors)

    def _named(self, role: str, rows: Iterable[tuple[Participant, Person]]) -> tuple[People, Mapping[str, Person]]:
        """By pseudonym. The first row of a person who is in both files counts."""
        first: dict[str, tuple[Participant, Person]] = {}
        for row, person in rows:
            first.setdefault(row.id, (row, person))
        numbered = {number: first[id] for number, id in pseudonyms(role, first, round=self._plan.id).items()}
        return {id: row for id, (row, _) in numbered.items()}, {id: person for id, (_, person) in numbered.items()}

    def sheets(self, given: Given) -> Sheets:
        to_mentors = choosing.chosen(self._mentees, self._directories[1], "mentor")
        to_mentees = choosing.chosen(self._mentors, self._directories[0], "mentee")
        apart = self._pairs(given.apart, both_ways=True)
        together = self._pairs(given.together, both_ways=False)
        self._refuse_pins(together, apart)
        impossible, warnings = self._impossible(to_mentors.choices)
        pinned = _pinned_first(to_mentors.choices, together)
        found = eligible(
            self._mentee_persons,
            self._mentor_persons,
            self._policy,
            round=self._plan.id,
            list_length=self._plan.list_length,
            mentees_chose=pinned,
            mentors_chose=to_mentees.choices,
        )
        return Sheets(
            input=self._input(found, apart, together),
            people={**self._mentees, **self._mentors},
            files=self._files,
            warnings=[
                *(f"the {file.side}: {warning}" for file in self._files for warning in file.warnings),
                *self._assumed(),
                *(f"the mentees: {warning}" for warning in (*to_mentors.warnings, *warnings)),
                *(f"the mentors: {warning}" for warning in to_mentees.warnings),
                *(apart.warnings),
            ],
            impossible=impossible,
            mentees_chose=to_mentors.choices,
            forbids=self._forbids(found),
            unmatchable=found.unmatchable,
        )

    def _pairs(self, file: tuple[str, bytes] | None, *, both_ways: bool) -> PairsFile:
        return choosing.pairs(*file, *self._directories, both_ways=both_ways) if file else NO_PAIRS

    def _refuse_pins(self, together: PairsFile, apart: PairsFile) -> None:
        mentors: dict[str, int] = {}
        for (mentee, mentor), line in together.pairs.items():
            rule = rules.broken(self._mentee_persons[mentee], self._mentor_persons[mentor], self._policy)
            problem = f"cannot be matched: {WHY.get(rule, rule)}" if rule else ""
            if (mentee, mentor) in apart.pairs:
                problem = f"is kept apart by line {apart.pairs[mentee, mentor]} of the other file"
            elif mentee in mentors:
                problem = f"names the same mentee as line {mentors[mentee]}: a mentee gets one mentor"
            if problem:
                raise refused("pairs to keep together", (f"line {line}", problem))
            mentors[mentee] = line

    def _impossible(self, choices: Ranks) -> tuple[dict[str, list[int]], list[str]]:
        impossible: dict[str, list[int]] = {}
        warnings: list[str] = []
        for mentee, ranks in choices.items():
            for mentor, rank in ranks.items():
                rule = rules.broken(self._mentee_persons[mentee], self._mentor_persons[mentor], self._policy)
                if rule is not None:
                    row, name = self._mentees[mentee], self._mentors[mentor].profile.name
                    impossible.setdefault(mentee, []).append(rank)
                    choice = f"line {row.line}: choice {rank} of {row.profile.name}, {name}"
                    warnings.append(f"{choice}, is impossible: {WHY.get(rule, rule)}")
        return impossible, warnings

    def _assumed(self) -> Iterable[str]:
        without = sum("capacity" not in mentor.stated for mentor in self._mentors.values())
        if without:
            share = f"{without} of {len(self._mentors)}"
            takes = "each of them takes 1 mentee, or the minimum group size"
            yield f"the mentors: {share} give no capacity: {takes} (field `capacity`)"

    def _forbids(self, found: Eligible) -> dict[str, tuple[int, Unmatched | None]]:
        codes = list(found.forbidden_by_rule)
        table = np.stack([found.forbidden_by_rule[code] for code in codes])
        reached = found.mentees_reached.tolist()
        most = [codes[number] if table[number, at] else None for at, number in enumerate(table.argmax(axis=0).tolist())]
        return {id: (reached[at], most[at]) for at, id in enumerate(self._mentors)}

    def _input(self, found: Eligible, apart: PairsFile, together: PairsFile) -> RoundInput:
        plan = self._plan
        wished = self._wishes(found)
        return RoundInput(
            format="preceptor-round-input/1",
            round=plan.id,
            target=plan.target,
            policy=Policy(
                id=plan.policy,
                list_length=plan.list_length,
                score_band=plan.score_band,
                weights={factor.replace("_", "-"): weight for factor, weight in sorted(_weights(self._policy).items())},
            ),
            mentors=tuple(
                Mentor(
                    id=id,
                    institution=_institution(row),
                    capacity=self._mentor_persons[id].member.capacity,
                    least_group=self._mentor_persons[id].least_group,
                )
                for id, row in self._mentors.items()
            ),
            mentees=tuple(
                Mentee(
                    id=id,
                    institution=_institution(row),
                    mentors_wanted=self._mentee_persons[id].member.mentors_wanted,
                    waiting_days=row.waiting_days,
                    wishes=tuple(wished[id]),
                )
                for id, row in self._mentees.items()
            ),
            pins=tuple(Pair(mentee=mentee, mentor=mentor) for mentee, mentor in sorted(together.pairs)),
            exclusions=tuple(Pair(mentee=mentee, mentor=mentor) for mentee, mentor in sorted(apart.pairs)),
        )

    def _wishes(self, found: Eligible) -> dict[str, list[Wish]]:
        """The pairs that the hard rules allow, ranked by both sides."""
        ids, others = list(self._mentees), list(self._mentors)
        ranked = wishing.wishes(
            found.pairs,
            round=self._plan.id,
            mentees=ids,
            mentors=others,
            waiting_days=np.array([mentee.waiting_days for mentee in self._mentees.values()], dtype=np.int64),
            list_length=self._plan.list_length,
            score_band=self._plan.score_band,
        )
        ranking = (ranked.mentee, ranked.mentor, ranked.rank, ranked.mentor_rank, ranked.score)
        wished: dict[str, list[Wish]] = {id: [] for id in ids}
        for row, column, rank, mentor_rank, score in zip(*(column.tolist() for column in ranking), strict=True):
            wished[ids[row]].append(Wish(mentor=others[column], rank=rank, mentor_rank=mentor_rank, score=score))
        return {id: sorted(listed, key=lambda wish: (wish.rank, wish.mentor)) for id, listed in wished.items()}


def _pinned_first(choices: Ranks, together: PairsFile) -> Ranks:
    """A mentee's pin goes before the mentee's own choices, so that it is among the wishes."""
    pinned = {mentee: {mentor: 1} for mentee, mentor in together.pairs}
    return {
        mentee: {
            **{other: rank + len(pinned.get(mentee, ())) for other, rank in ranks.items()},
            **pinned.get(mentee, {}),
        }
        for mentee, ranks in choices.items()
    }


def _institution(row: Participant) -> str:
    """Affiliations show the flow between institutions; no rule reads them."""
    return row.profile.affiliations[0] if row.profile.affiliations else HERE


def _weights(policy: Rules) -> dict[str, int]:
    person = Person(Member(id="without-weights", institution=HERE), Preferences(member="without-weights"))
    return dict(zip(FACTORS, weights_for(person, policy.programme), strict=True))
