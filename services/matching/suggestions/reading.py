"""Who sees which list, and what of it. The hard rules are applied again, so nobody is offered a seat that is gone."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from services.matching.kernel import reasons, rules, scoring
from services.matching.kernel.access import require_coordinator
from services.matching.kernel.participants import Exchange, Member, Person, Policy, Weights, weights_for
from services.matching.suggestions.domain import Entry, Shortlist
from shared.auth import Principal
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import FACTORS, Factor
from shared.errors import NotFound

Seen = Literal["suggested", "scores_below", "being_renewed", "not_available", "no_common_language", "no_common_format"]
_OPEN: Mapping[Unmatched, Seen] = {
    "no_common_language": "no_common_language",
    "no_common_format": "no_common_format",
}
"""Rules that both public profiles show; every other one is somebody's own affair."""
_SAID: Mapping[Seen, str] = {
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


class SuggestionRepository(Protocol):
    """Every method is limited to one institution, except where it reads what a list of that institution names."""

    async def signed_in(self, institution: str, subject_hash: str) -> str | None: ...

    async def person(self, institution: str, id: str) -> Person | None: ...

    async def named(self, ids: Iterable[str]) -> Mapping[str, Person]: ...

    async def policy(self, programme: str, exchanges: Iterable[Exchange] = ()) -> Policy | None:
        """It knows how full these exchanges are."""

    async def list_of(self, institution: str, programme: str, mentee: str) -> StoredList | None: ...

    async def lists_of(self, institution: str, mentee: str) -> Sequence[StoredList]: ...

    async def unmatched(
        self, institution: str, programme: str, *, after: str, limit: int
    ) -> Sequence[UnmatchedMentee]: ...


@dataclass(frozen=True, slots=True)
class Why:
    """For the mentee's own eyes."""

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
        """Stored, and not to be had any more: the next renewal fills their places."""
        return len(self.stored.shortlist.entries) - len(self.offered)


@dataclass(frozen=True, slots=True)
class Answer:
    """Why (not) this mentor. `explanation` is for the mentee only."""

    code: Seen
    rank: int | None = None
    explanation: str | None = None


class Reading:
    def __init__(self, repository: SuggestionRepository) -> None:
        self._repository = repository

    async def mine(self, me: Principal) -> Sequence[Suggestions]:
        """All lists of whoever asks."""
        mentee = await self._myself(me)
        if mentee is None:
            raise NotFound(
                "member_not_found", "your sign-in is not linked to a member yet: accept your invitation first"
            )
        return await self.of_mentee(me.home, mentee)

    async def of_mentee(self, institution: str, mentee: str) -> Sequence[Suggestions]:
        """For the mentee, who may be inactive: then nobody is offered."""
        stored = await self._repository.lists_of(institution, mentee)
        return [await self._offered(institution, one, is_own=True) for one in stored]

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
        who, other, policy = pair
        code = rules.broken(who, other, policy)
        if code is not None:
            return _apart(code, who, is_own=is_own)
        return _compared(stored.shortlist, who, other, policy, is_own=is_own)

    async def unmatched(
        self, me: Principal, programme: str, *, after: str = "", limit: int
    ) -> Sequence[UnmatchedMentee]:
        """Mentees of the coordinator's own institution without anybody on their list, by id."""
        require_coordinator(me, await self._repository.policy(programme), programme)
        return await self._repository.unmatched(me.home, programme, after=after, limit=limit)

    async def all_unmatched(self, me: Principal, programme: str) -> AsyncIterator[UnmatchedMentee]:
        page = await self.unmatched(me, programme, limit=_PAGE)
        while page:
            for one in page:
                yield one
            page = await self.unmatched(me, programme, after=page[-1].mentee, limit=_PAGE)

    async def _myself(self, me: Principal) -> str | None:
        me.require("member", "coordinator")
        return await self._repository.signed_in(me.home, me.subject_hash) if "member" in me.roles else None

    async def _may_see(self, me: Principal, mentee: str, programme: str) -> bool:
        """Whether it is the mentee who asks; a coordinator may see too, and for everybody else there is nothing."""
        if await self._myself(me) == mentee:
            return True
        person = await self._repository.person(me.home, mentee) if me.coordinates(programme) else None
        if person is None or not me.scope.covers_any(person.member.mentee_in | person.member.mentors_in):
            raise NotFound("mentee_not_found", "there is no mentee with this id")
        return False

    async def _offered(self, institution: str, stored: StoredList, *, is_own: bool) -> Suggestions:
        who = await self._repository.person(institution, stored.mentee)
        exchanges = {(institution, entry.institution) for entry in stored.shortlist.entries}
        policy = await self._repository.policy(stored.programme, exchanges)
        if who is None or policy is None:
            return Suggestions(stored, ())
        named = await self._repository.named(stored.shortlist.mentors)
        return Suggestions(
            stored,
            tuple(
                Suggestion(entry.mentor, entry.institution, rank, _why(who, other, entry, policy) if is_own else None)
                for rank, entry in enumerate(stored.shortlist.entries, 1)
                if (other := named.get(entry.mentor)) and rules.broken(who, other, policy) is None
            ),
        )

    async def _pair(
        self, institution: str, mentee: str, mentor: str, programme: str
    ) -> tuple[Person, Person, Policy] | None:
        """None where the mentor is none here, or of an institution that is none of the mentee's business."""
        who = await self._repository.person(institution, mentee)
        other = (await self._repository.named([mentor])).get(mentor)
        exchanges = [(institution, other.member.institution)] if other else []
        policy = await self._repository.policy(programme, exchanges)
        if who is None or policy is None or other is None or not rules.is_mentor(other, policy):
            return None
        return (who, other, policy) if policy.exchanges(institution, other.member.institution) else None


_PAGE = 500


def _why(who: Person, other: Person, entry: Entry, policy: Policy) -> Why:
    factors = _by_factor(scoring.factors_of(who, other))
    percent = _percent(entry.contributions, weights_for(who, policy.programme))
    return Why(min(100, percent), factors, reasons.reasons(who, other), other.member)


def _apart(code: Unmatched, who: Person, *, is_own: bool) -> Answer:
    seen = _OPEN.get(code, "not_available")
    mine = rules.own_reason(who)
    words = reasons.UNMATCHED[mine] if mine else _SAID[seen]
    return Answer(seen, explanation=words if is_own else None)


def _compared(shortlist: Shortlist, who: Person, other: Person, policy: Policy, *, is_own: bool) -> Answer:
    if other.id in shortlist.mentors:
        return Answer("suggested", rank=shortlist.mentors.index(other.id) + 1)
    weights = weights_for(who, policy.programme)
    parts = scoring.weigh(scoring.factors_of(who, other), weights)
    is_full = len(shortlist.entries) >= policy.programme.list_length
    last = shortlist.entries[-1] if shortlist.entries else None
    if not scoring.reaches(parts, weights, policy.programme.minimum_score):
        words = f"The match is {_percent(parts, weights)} of 100; this programme suggests from "
        words += f"{policy.programme.minimum_score}."
    elif is_full and last and sum(parts) <= last.score:
        words = _behind(parts, last.contributions, weights)
    else:
        return Answer("being_renewed", explanation="The list is about to be renewed: look again in some seconds.")
    return Answer("scores_below", explanation=words if is_own else None)


def _behind(parts: tuple[int, ...], last: tuple[int, ...], weights: Weights) -> str:
    """Where an identity counts, two sums side by side would tell whose it is: they are left out."""
    if weights[FACTORS.index("identity")]:
        return "Those on your list fit better by everything that you weigh."
    if sum(parts) < sum(last) and sum(parts[: scoring.OPEN]) >= sum(last[: scoring.OPEN]):
        return "They fit as well as those on your list; others have more room, or more content past mentees."
    words = f"The match is {_percent(parts, weights)} of 100, and that of the last mentor on your list "
    words += f"{_percent(last, weights)}. "
    return words + reasons.shortfall(_by_factor(parts), _by_factor(last))


def _percent(parts: tuple[int, ...], weights: Weights) -> int:
    return scoring.percent(sum(parts[: scoring.OPEN]), weights)


def _by_factor(parts: tuple[int, ...]) -> Mapping[Factor, int]:
    """Those that may be shown."""
    return dict(zip(FACTORS[: scoring.OPEN], parts, strict=False))
