"""The directory: every mentor whom a mentee may ask, the best fit first.

A mentor whom a hard rule keeps away is left out, whichever rule it is. Order and percentage count only the factors that
may be shown: a reader of the whole directory learns no mentor's identity, load or rating.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from services.matching.kernel import rules, scoring
from services.matching.kernel.participants import Exchange, Member, Person, Policy, weights_for
from services.matching.kernel.reasons import UNMATCHED
from services.matching.mentoring.usecases.parties import SignIns, require_member
from shared.contracts.profiles import FACTORS, Factor, Format, Stage
from shared.errors import Conflict, NotFound, Rejected
from shared.offloop import off_loop
from shared.principal import Principal

CANDIDATES = 1_000
"""How many mentors are compared for one answer, counted by what is public of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What a mentor's card must show; None admits everything."""

    topic: str | None = None
    specialty: str | None = None
    stage: Stage | None = None
    language: str | None = None
    format: Format | None = None
    mentors: frozenset[str] | None = None
    """Only these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    rank: int
    card: Member
    percent: int
    factors: Mapping[Factor, int]


class DirectoryRepository(SignIns, Protocol):
    async def person(self, institution: str, id: str) -> Person | None: ...

    async def mentors(
        self, programme: str, institutions: Collection[str], sought: Sought, *, limit: int
    ) -> Collection[Person]:
        """Active mentors of the programme at these institutions."""

    async def meaning(self, institution: str, topic: str) -> str:
        """The term that the institution's members mean by this topic; the topic itself where there is none."""

    async def policy(self, programme: str, exchanges: Iterable[Exchange] = ()) -> Policy | None:
        """Includes the seats taken in these exchanges."""


class Directory:
    def __init__(self, repository: DirectoryRepository) -> None:
        self._repository = repository

    async def mentors(
        self,
        me: Principal,
        programme: str,
        sought: Sought,
        *,
        weights: Mapping[Factor, int] | None,
        after: int,
        limit: int,
    ) -> tuple[Sequence[Listed], str]:
        """From the rank after `after`; and the mentee's institution. `weights` are tried in place of the mentee's own;
        None leaves these. Raises `Conflict` where the mentee's own profile
        prevents every request, and `Rejected` where the search finds too many.
        """
        member = await require_member(self._repository, me)
        mentee, policy = await self._repository.person(me.home, member), await self._repository.policy(programme)
        if mentee is None or policy is None or not rules.is_mentee(mentee, policy):
            raise NotFound("enrolment_not_found", "you are not enrolled as a mentee in a programme with this id")
        if mine := rules.own_reason(mentee):
            raise Conflict(mine, UNMATCHED[mine])
        institutions = [id for id in policy.institutions if _may_give(id, mentee, policy)]
        if sought.topic is not None:
            sought = replace(sought, topic=await self._repository.meaning(me.home, sought.topic))
        found = await self._repository.mentors(programme, institutions, sought, limit=CANDIDATES + 1)
        if len(found) > CANDIDATES:
            raise Rejected(
                "search_too_broad", f"more than {CANDIDATES:,} mentors match: choose a topic, a specialty or a language"
            )
        current = await self._repository.policy(programme, [(me.home, id) for id in institutions]) or policy
        if weights is not None:
            mentee = replace(mentee, private=replace(mentee.private, weights=weights))
        return (await off_loop(ranked, mentee, found, current))[after : after + limit], me.home


def ranked(mentee: Person, mentors: Iterable[Person], policy: Policy) -> Sequence[Listed]:
    """Those whom the mentee may ask; equal ones in the stable order of lists."""
    weights = weights_for(mentee, policy.programme)
    allowed = [
        (mentor, scoring.factors_of(mentee, mentor))
        for mentor in mentors
        if rules.broken_by_wish(mentee, mentor, policy) is None
    ]
    scored = [(sum(scoring.weigh(each, weights)[: scoring.OPEN]), mentor, each) for mentor, each in allowed]
    scored.sort(key=lambda it: (-it[0], scoring.tie(policy.programme.id, mentee.id, it[1].id)))
    return [
        Listed(
            rank=rank,
            card=mentor.member,
            percent=min(100, scoring.percent(score, weights)),
            factors=dict(zip(FACTORS[: scoring.OPEN], each, strict=False)),
        )
        for rank, (score, mentor, each) in enumerate(scored, 1)
    ]


def _may_give(institution: str, mentee: Person, policy: Policy) -> bool:
    home = mentee.member.institution
    return policy.exchanges(home, institution) and (institution == home or mentee.member.across_institutions)
