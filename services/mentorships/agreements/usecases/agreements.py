"""What the two people do with their agreement. Its texts are readable by them only, not by coordinators."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.mentorships.agreements.domain import agreements as domain
from services.mentorships.agreements.domain import differences
from services.mentorships.agreements.domain.agreements import Change, Proposed, Signed
from services.mentorships.agreements.domain.clauses import Clauses, Language
from services.mentorships.agreements.domain.differences import ClauseDifference
from services.mentorships.agreements.domain.states import Agreement, Version
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.kernel.access import SignIns, require_party
from services.mentorships.kernel.pairs import Side
from services.mentorships.lifecycle.domain import Mentorship
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.offloop import off_loop
from shared.principal import Principal
from shared.retries import retried_when_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a first version is drafted from."""

    template: AgreementTemplate
    principles: str
    """The mentor's own; empty where the mentor has written none."""
    locale: str
    """Of who drafts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A version with its clauses."""

    version: Version
    clauses: Clauses


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementView:
    agreement: Agreement
    possible: tuple[domain.Possible, ...]
    """What the reader can do."""
    in_force: Written | None
    proposal: Written | None
    reverse: str | None
    """The open mentorship of the same two people with the roles reversed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    before: Version
    after: Version
    clauses: Sequence[ClauseDifference]


@dataclass(frozen=True, slots=True, kw_only=True)
class Printout:
    agreement: Agreement
    written: Written
    programme: str
    """The programme's name."""
    mentee: str
    mentor: str


Draft = Callable[[Agreement, Mentorship, Origin], Proposed]
Propose = Callable[[Agreement, Mentorship, Clauses], Proposed]
Decide = Callable[[Agreement, Mentorship], Signed | None]


class AgreementRepository(SignIns, Protocol):
    async def mentorship(self, institution: str, id: str) -> Mentorship | None: ...

    async def agreement(self, mentorship: Mentorship) -> Agreement:
        """With version 0 where nothing is drafted yet."""

    async def clauses(self, agreement: Agreement, number: int) -> Clauses: ...

    async def reverse_of(self, mentorship: Mentorship) -> str | None: ...

    async def names(self, agreement: Agreement) -> tuple[str, str, str]:
        """Of the programme, the mentee and the mentor; empty where unknown."""

    async def draft(self, mentorship: Mentorship, by: Side, decide: Draft, trace: Trace) -> Agreement:
        """Saves the version and its clauses in one transaction. Raises `StaleVersion` after a concurrent change."""

    async def propose(self, mentorship: Mentorship, decide: Propose, trace: Trace) -> Agreement:
        """Saves the version and its clauses in one transaction. Raises `StaleVersion` after a concurrent change."""

    async def decide(self, mentorship: Mentorship, decide: Decide, trace: Trace) -> Agreement:
        """Saves the agreement, and the mentorship that follows, in one transaction. None changes nothing. Raises
        `StaleVersion` after a concurrent change.
        """


class Agreements:
    def __init__(self, repository: AgreementRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def see(self, me: Principal, mentorship: str) -> AgreementView:
        side, found = await self._require(me, mentorship)
        return await self._view(found, side, await self._repository.agreement(found))

    async def versions(self, me: Principal, mentorship: str) -> Sequence[Version]:
        """The newest first."""
        _, found = await self._require(me, mentorship)
        return tuple(reversed((await self._repository.agreement(found)).versions))

    async def version(self, me: Principal, mentorship: str, number: int) -> Written:
        _, found = await self._require(me, mentorship)
        return await self._written(await self._repository.agreement(found), number)

    async def compare(self, me: Principal, mentorship: str, *, before: int, after: int) -> Comparison:
        _, found = await self._require(me, mentorship)
        agreement = await self._repository.agreement(found)
        old, new = await self._written(agreement, before), await self._written(agreement, after)
        clauses = await off_loop(differences.differences, old.clauses, new.clauses)
        return Comparison(before=old.version, after=new.version, clauses=clauses)

    async def print(self, me: Principal, mentorship: str, number: int) -> Printout:
        _, found = await self._require(me, mentorship)
        agreement = await self._repository.agreement(found)
        written = await self._written(agreement, number)
        programme, mentee, mentor = await self._repository.names(agreement)
        return Printout(agreement=agreement, written=written, programme=programme, mentee=mentee, mentor=mentor)

    async def draft(self, me: Principal, mentorship: str, *, language: Language | None, trace: Trace) -> AgreementView:
        side, found = await self._require(me, mentorship)
        now = self._clock.now()

        def decide(agreement: Agreement, current: Mentorship, origin: Origin) -> Proposed:
            template = origin.template.translated(language or origin.locale)
            return domain.draft(agreement, current, template, principles=origin.principles, by=side, now=now)

        after = await retried_when_stale(self._repository.draft)(found, side, decide, trace)
        return await self._view(found, side, after)

    async def propose(self, me: Principal, mentorship: str, change: Change, *, trace: Trace) -> AgreementView:
        side, found = await self._require(me, mentorship)
        now = self._clock.now()

        def decide(agreement: Agreement, current: Mentorship, before: Clauses) -> Proposed:
            return domain.propose(agreement, current, before, change, by=side, now=now)

        after = await retried_when_stale(self._repository.propose)(found, decide, trace)
        return await self._view(found, side, after)

    async def sign(self, me: Principal, mentorship: str, *, number: int, trace: Trace) -> AgreementView:
        return await self._answer(domain.sign, me, mentorship, number, trace)

    async def withdraw(self, me: Principal, mentorship: str, *, number: int, trace: Trace) -> AgreementView:
        return await self._answer(domain.withdraw, me, mentorship, number, trace)

    async def _answer(
        self, answer: Callable[..., Signed | None], me: Principal, mentorship: str, number: int, trace: Trace
    ) -> AgreementView:
        side, found = await self._require(me, mentorship)
        now = self._clock.now()

        def decide(agreement: Agreement, current: Mentorship) -> Signed | None:
            return answer(agreement, current, number=number, by=side, now=now)

        after = await retried_when_stale(self._repository.decide)(found, decide, trace)
        return await self._view(found, side, after)

    async def _require(self, me: Principal, id: str) -> tuple[Side, Mentorship]:
        """Raises `NotFound` for everybody but the two people."""
        found = await self._repository.mentorship(me.home, id)
        return await require_party(self._repository, me, found, what="mentorship")

    async def _view(self, mentorship: Mentorship, side: Side, agreement: Agreement) -> AgreementView:
        in_force, proposal = agreement.in_force, agreement.proposal
        return AgreementView(
            agreement=agreement,
            possible=domain.possible(agreement, mentorship, side),
            in_force=await self._written(agreement, in_force.number) if in_force else None,
            proposal=await self._written(agreement, proposal.number) if proposal else None,
            reverse=await self._repository.reverse_of(mentorship),
        )

    async def _written(self, agreement: Agreement, number: int) -> Written:
        version = agreement.numbered(number)
        return Written(version=version, clauses=await self._repository.clauses(agreement, number))
