"""Queries of lists, and who may read what of them. The hard rules are applied again at each read, so that a mentor
without a free seat is not offered.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from services.matching.kernel import reasons, rules, scoring
from services.matching.kernel.access import require_coordinator
from services.matching.kernel.participants import Exchange, Member, Person, Policy, Weights, weights_for
from services.matching.mentoring.usecases.parties import SignIns, require_bound
from services.matching.suggestions.domain import Entry, Shortlist
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS, Factor
from shared.errors import NotFound
from shared.principal import Principal

AnswerCode = Literal[
    "suggested", "scores_below", "being_renewed", "not_available", "no_common_language", "no_common_format"
]
_DISCLOSED: Mapping[Unmatched, AnswerCode] = {
    "no_common_language": "no_common_language",
    "no_common_format": "no_common_format",
}
"""Rules that follow from both public profiles; every other rule is private to one side."""
_EXPLANATIONS: Mapping[AnswerCode, str] = {
    "no_common_language": "You have no language in common.",
    "no_common_format": "There is no way to meet that both of you offer.",
    "not_available": "This mentor is not available at the moment. Your list shows whom else you can ask.",
}


@dataclass(frozen=True, slots=True)
class StoredList:
    programme: str
    mentee: str
    institution: str
    """The mentee's."""
    shortlist: Shortlist
    version: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class UnmatchedMentee:
    mentee: str
    code: Unmatched
    as_of: datetime


class SuggestionRepository(SignIns, Protocol):
    """Every method is limited to one institution, except where it reads what a list of that institution names."""

    async def person(self, institution: str, id: str) -> Person | None: ...

    async def named(self, ids: Iterable[str]) -> Mapping[str, Person]: ...

    async def policy(self, programme: str, exchanges: Iterable[Exchange] = ()) -> Policy | None:
        """Includes the seats taken in these exchanges."""

    async def list_of(self, institution: str, programme: str, mentee: str) -> StoredList | None: ...

    async def lists_of(self, institution: str, mentee: str) -> Sequence[StoredList]: ...

    async def unmatched(
        self, institution: str, programme: str, *, after: str, limit: int
    ) -> Sequence[UnmatchedMentee]: ...


@dataclass(frozen=True, slots=True)
class Why:
    """Reasons of a suggestion, shown to the mentee only."""

    percent: int
    factors: Mapping[Factor, int]
    reasons: tuple[str, ...]
    card: Member


@dataclass(frozen=True, slots=True)
class Suggestion:
    mentor: str
    institution: str
    rank: int
    why: Why | None


@dataclass(frozen=True, slots=True)
class Suggestions:
    stored: StoredList
    offered: tuple[Suggestion, ...]

    @property
    def withdrawn(self) -> int:
        """Count of stored entries that are no longer available; the next renewal replaces them."""
        return len(self.stored.shortlist.entries) - len(self.offered)


@dataclass(frozen=True, slots=True)
class Answer:
    """Why (not) this mentor. `explanation` is for the mentee only."""

    code: AnswerCode
    rank: int | None = None
    explanation: str | None = None


class Reading:
    def __init__(self, repository: SuggestionRepository) -> None:
        self._repository = repository

    async def mine(self, me: Principal) -> Sequence[Suggestions]:
        """All lists of the signed-in mentee."""
        return await self.of_mentee(me.home, require_bound(await self._myself(me)))

    async def of_mentee(self, institution: str, mentee: str) -> Sequence[Suggestions]:
        """The mentee's lists; an inactive mentee is offered no mentors."""
        stored = await self._repository.lists_of(institution, mentee)
        return [await self._offered(institution, list_, is_own=True) for list_ in stored]

    async def suggestions(self, me: Principal, *, mentee: str, programme: str) -> Suggestions:
        is_own = await self._may_see(me, mentee, programme)
        stored = await self._repository.list_of(me.home, programme, mentee)
        if stored is None:
            raise NotFound(
                "list_not_found",
                "this mentee has no list in this programme: a list appears once they are enrolled as a mentee",
            )
        return await self._offered(me.home, stored, is_own=is_own)

    async def why_not(self, me: Principal, *, mentee: str, mentor: str, programme: str) -> Answer:
        is_own = await self._may_see(me, mentee, programme)
        stored = await self._repository.list_of(me.home, programme, mentee)
        pair = await self._pair(me.home, mentee, mentor, programme)
        if stored is None or pair is None:
            raise NotFound("mentor_not_found", "there is no mentor with this id in this programme")
        person, candidate, policy = pair
        code = rules.broken(person, candidate, policy)
        if code is not None:
            return _not_eligible(code, person, is_own=is_own)
        return _compared(stored.shortlist, person, candidate, policy, is_own=is_own)

    async def unmatched(
        self, me: Principal, programme: str, *, after: str = "", limit: int
    ) -> Sequence[UnmatchedMentee]:
        """Mentees of the coordinator's own institution with an empty list, by id."""
        require_coordinator(me, await self._repository.policy(programme), programme)
        return await self._repository.unmatched(me.home, programme, after=after, limit=limit)

    async def all_unmatched(self, me: Principal, programme: str) -> AsyncIterator[UnmatchedMentee]:
        page = await self.unmatched(me, programme, limit=_PAGE)
        while page:
            for mentee in page:
                yield mentee
            page = await self.unmatched(me, programme, after=page[-1].mentee, limit=_PAGE)

    async def _myself(self, me: Principal) -> str | None:
        me.require("member", "coordinator")
        return await self._repository.signed_in(me.home, me.subject_hash) if "member" in me.roles else None

    async def _may_see(self, me: Principal, mentee: str, programme: str) -> bool:
        """True for the mentee, False for a coordinator of the mentee's programme; raises `NotFound` for others."""
        if await self._myself(me) == mentee:
            return True
        person = await self._repository.person(me.home, mentee) if me.coordinates(programme) else None
        if person is None or not me.scope.covers_any(person.member.mentee_in | person.member.mentors_in):
            raise NotFound("mentee_not_found", "there is no mentee with this id")
        return False

    async def _offered(self, institution: str, stored: StoredList, *, is_own: bool) -> Suggestions:
        person = await self._repository.person(institution, stored.mentee)
        exchanges = {(institution, entry.institution) for entry in stored.shortlist.entries}
        policy = await self._repository.policy(stored.programme, exchanges)
        if person is None or policy is None:
            return Suggestions(stored, ())
        named = await self._repository.named(stored.shortlist.mentors)
        return Suggestions(
            stored,
            tuple(
                Suggestion(
                    entry.mentor, entry.institution, rank, _why(person, mentor, entry, policy) if is_own else None
                )
                for rank, entry in enumerate(stored.shortlist.entries, 1)
                if (mentor := named.get(entry.mentor)) and rules.broken(person, mentor, policy) is None
            ),
        )

    async def _pair(
        self, institution: str, mentee: str, mentor: str, programme: str
    ) -> tuple[Person, Person, Policy] | None:
        """None where the mentor does not take part in the programme, or their institutions have no exchange."""
        person = await self._repository.person(institution, mentee)
        candidate = (await self._repository.named([mentor])).get(mentor)
        exchanges = [(institution, candidate.member.institution)] if candidate else []
        policy = await self._repository.policy(programme, exchanges)
        if person is None or policy is None or candidate is None or not rules.is_mentor(candidate, policy):
            return None
        return (person, candidate, policy) if policy.exchanges(institution, candidate.member.institution) else None


_PAGE = 500


def _why(mentee: Person, mentor: Person, entry: Entry, policy: Policy) -> Why:
    factors = _by_factor(scoring.factors_of(mentee, mentor))
    percent = _percent(entry.contributions, weights_for(mentee, policy.programme))
    return Why(min(100, percent), factors, reasons.reasons(mentee, mentor), mentor.member)


def _not_eligible(code: Unmatched, mentee: Person, *, is_own: bool) -> Answer:
    seen = _DISCLOSED.get(code, "not_available")
    own_reason = rules.own_reason(mentee)
    words = reasons.UNMATCHED[own_reason] if own_reason else _EXPLANATIONS[seen]
    return Answer(seen, explanation=words if is_own else None)


def _compared(shortlist: Shortlist, mentee: Person, mentor: Person, policy: Policy, *, is_own: bool) -> Answer:
    if mentor.id in shortlist.mentors:
        return Answer("suggested", rank=shortlist.mentors.index(mentor.id) + 1)
    weights = weights_for(mentee, policy.programme)
    parts = scoring.weigh(scoring.factors_of(mentee, mentor), weights)
    is_full = len(shortlist.entries) >= policy.programme.list_length
    last = shortlist.entries[-1] if shortlist.entries else None
    if not scoring.reaches_minimum(parts, weights, policy.programme.minimum_score):
        explanation = f"The match is {_percent(parts, weights)} of 100; this programme suggests from "
        explanation += f"{policy.programme.minimum_score}."
    elif is_full and last and sum(parts) <= last.score:
        explanation = _explain_lower_score(parts, last.contributions, weights)
    else:
        return Answer("being_renewed", explanation="The list is about to be renewed: look again in some seconds.")
    return Answer("scores_below", explanation=explanation if is_own else None)


def _explain_lower_score(parts: tuple[int, ...], last: tuple[int, ...], weights: Weights) -> str:
    """Without percentages where identity has a weight: they would disclose the identities of mentors."""
    if weights[FACTORS.index("identity")]:
        return "The mentors on your list fit better by your weights."
    if sum(parts) < sum(last) and sum(parts[: scoring.OPEN]) >= sum(last[: scoring.OPEN]):
        return "They fit as well as the mentors on your list, who have more free seats or more satisfied past mentees."
    explanation = f"The match is {_percent(parts, weights)} of 100, and that of the last mentor on your list "
    explanation += f"{_percent(last, weights)}. "
    return explanation + reasons.shortfall(_by_factor(parts), _by_factor(last))


def _percent(parts: tuple[int, ...], weights: Weights) -> int:
    return scoring.percent(sum(parts[: scoring.OPEN]), weights)


def _by_factor(parts: tuple[int, ...]) -> Mapping[Factor, int]:
    """Only the factors that may be shown."""
    return dict(zip(FACTORS[: scoring.OPEN], parts, strict=False))
