"""Enter rotations (who assesses whom) from an institution's system, and apply them when they begin or end."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from services.matching.exchange import domain as exchange
from services.matching.kernel.access import require_coordinator
from services.matching.kernel.participants import Institution, Policy
from services.matching.mentoring.domain import relationships, requests
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.mentoring.usecases.parties import AnyDecided, Position
from services.matching.projections.lookup.domain import Identifier, MembersByIdentifier
from services.matching.rotations import domain as assessments
from services.matching.rotations.domain import Entry, NamedEntry, Rotation, Window
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import FieldError, NotFound, Rejected
from shared.offloop import off_loop
from shared.principal import Principal
from shared.retries import retried_when_stale
from shared.scope import Scope

Outcome = Literal["created", "updated", "unchanged", "refused"]
_AT_ONCE = 50
Couple = tuple[str, frozenset[str]]
"""A programme and two members, whichever of them assesses the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    external: str
    outcome: Outcome
    errors: tuple[FieldError, ...] = ()


class RotationRepository(Protocol):
    async def institutions(self, ids: Collection[str]) -> Mapping[str, Institution]: ...

    async def members_named(self, scope: Scope, identifiers: Collection[Identifier]) -> MembersByIdentifier:
        """Members of the institution whose programmes are all in scope."""

    async def members(self, scope: Scope, institutions: Collection[str], ids: Collection[str]) -> Mapping[str, str]:
        """Institution by member id, of members of these institutions whose programmes are all in scope."""

    async def known(self, institution: str, externals: Collection[str]) -> Mapping[str, Rotation]: ...

    async def keep(self, rotations: Sequence[Rotation], trace: Trace) -> None:
        """Saves each rotation, conditional on its previous version. Raises `StaleVersion`."""

    async def within(self, scope: Scope, externals: Collection[str]) -> Mapping[str, Rotation]:
        """Those of these rotations whose members' programmes are all in scope: they have no effect outside it."""

    async def page(self, scope: Scope, *, after: str, limit: int) -> Sequence[Rotation]:
        """Rotations as `within` selects them, ordered by external id."""

    async def policy(self, programme: str) -> Policy | None: ...

    async def in_conflict(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        """Open relationships, the newest first."""


Counted = Callable[[Rotation, Iterable[Window]], Rotation]
Follow = Callable[[Collection[Couple], Iterable[Relationship], Iterable[Request]], Sequence[AnyDecided]]


class FirewallRepository(Protocol):
    async def mark_unannounced(self, *, now: datetime) -> None:
        """Makes rotations due of which the topic of assessments may say something else, or nothing yet."""

    async def mark_changed_windows(self, *, now: datetime) -> None:
        """Makes rotations due where a programme's windows or admitted institutions changed since the last count."""

    async def recount(self, counted: Counted, follow: Follow, *, now: datetime, limit: int, trace: Trace) -> int:
        """Recounts at most `limit` due rotations, with the consequences, in one transaction. Returns their number.

        `follow` gets the couples that are kept apart now, among those for whom that changed, and their open
        relationships and pending requests.
        """


class Rotations:
    def __init__(self, repository: RotationRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def enter(self, me: Principal, entries: Sequence[NamedEntry], trace: Trace) -> Sequence[Entered]:
        """Idempotent. Of two entries with the same id in one request, the second is refused."""
        me.require("coordinator", "integrator")
        return await self._enter(me.scope, entries, trace)

    async def enter_one(self, me: Principal, entry: NamedEntry, trace: Trace) -> Rotation:
        [entered] = await self.enter(me, [entry], trace)
        if entered.errors:
            raise Rejected("rotation_refused", "the rotation was not saved: see errors", entered.errors)
        return (await self._repository.known(me.home, [entry.external]))[entry.external]

    @retried_when_stale
    async def take_back(self, me: Principal, external: str, trace: Trace) -> None:
        me.require("coordinator", "integrator")
        known = (await self._repository.within(me.scope, [external])).get(external)
        if known is None:
            raise NotFound("rotation_not_found", "there is no rotation with this id")
        after = assessments.take_back(known, now=self._clock.now())
        await self._repository.keep([after] if after is not known else [], trace)

    async def page(self, me: Principal, *, after: str, limit: int) -> Sequence[Rotation]:
        me.require("coordinator")
        return await self._repository.page(me.scope, after=after, limit=limit)

    async def conflicts(
        self, me: Principal, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        require_coordinator(me, await self._repository.policy(programme), programme)
        return await self._repository.in_conflict(me.home, programme, before=before, limit=limit)

    @retried_when_stale
    async def _enter(self, scope: Scope, entries: Sequence[NamedEntry], trace: Trace) -> Sequence[Entered]:
        """Runs the work that is linear in the number of entries in threads, between the reads."""
        now, institution = self._clock.now(), scope.institution
        identifiers, externals = await off_loop(_names, entries)
        found = await self._repository.members_named(scope, identifiers)
        resolved, people = await off_loop(_resolved, entries, found)
        members = await self._repository.members(scope, await self._homes(institution), people)
        known = await self._repository.known(institution, externals)
        visible = known if scope.is_whole else await self._repository.within(scope, list(known))
        before = _Before(institution=institution, members=members, known=known, visible=visible)
        answers, changed = await off_loop(_verdicts, resolved, before, now)
        await self._repository.keep(changed, trace)
        return answers

    async def _homes(self, institution: str) -> Collection[str]:
        """Institutions whose members an entry may name."""
        mine = (await self._repository.institutions([institution])).get(institution)
        partners = exchange.partners(mine, await self._repository.institutions(mine.exchanges_with)) if mine else ()
        return {institution, *partners}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """Stored state that entries are validated against."""

    institution: str
    members: Mapping[str, str]
    known: Mapping[str, Rotation]
    visible: Mapping[str, Rotation]


def _names(entries: Sequence[NamedEntry]) -> tuple[Collection[Identifier], Collection[str]]:
    return {identifier for entry in entries for identifier in entry.identifiers}, {entry.external for entry in entries}


def _resolved(
    entries: Sequence[NamedEntry], found: MembersByIdentifier
) -> tuple[Sequence[Entry | Entered], Collection[str]]:
    """Resolves identifiers, keeping the order, and returns the members' ids. Refuses an entry whose identifier does not
    match exactly one member.
    """
    named = [(entry.external, entry.resolved(found)) for entry in entries]
    resolved = [outcome if isinstance(outcome, Entry) else _refused(external, outcome) for external, outcome in named]
    entered = [entry for entry in resolved if isinstance(entry, Entry)]
    return resolved, {id for entry in entered for id in (entry.assessor, entry.assessed)}


def _verdicts(
    resolved: Sequence[Entry | Entered], before: _Before, now: datetime
) -> tuple[Sequence[Entered], Sequence[Rotation]]:
    """Returns a result for each entry, in the same order, and the rotations to save."""
    new: dict[str, Rotation] = {}
    answers: list[Entered] = []
    for entry in resolved:
        if isinstance(entry, Entered):
            answers.append(entry)
            continue
        known = before.known.get(entry.external)
        errors = assessments.wrong(entry, institution=before.institution, known=before.members)
        after = assessments.enter(known, entry, institution=before.institution, now=now)
        if entry.external in new:
            errors = (*errors, FieldError("id", "appears twice in this request"))
        elif known is not None and entry.external not in before.visible and not errors:
            errors = (FieldError("id", "cannot be used: choose another id"),)
        elif isinstance(after, FieldError) and not errors:
            errors = (*errors, after)
        if errors or isinstance(after, FieldError):
            answers.append(_refused(entry.external, errors))
            continue
        new[entry.external] = after
        answers.append(Entered(external=entry.external, outcome=_outcome(known, after)))
    return answers, [rotation for name, rotation in new.items() if rotation is not before.known.get(name)]


class AssessmentWorker:
    """Recounts due rotations and applies the consequences. Idempotent."""

    def __init__(self, firewall: FirewallRepository, clock: Clock) -> None:
        self._firewall = firewall
        self._clock = clock

    async def work(self) -> None:
        await self._firewall.mark_unannounced(now=self._clock.now())
        await self._firewall.mark_changed_windows(now=self._clock.now())
        while await self._some() == _AT_ONCE:
            continue

    async def _some(self) -> int:
        now = self._clock.now()

        def counted(rotation: Rotation, windows: Iterable[Window]) -> Rotation:
            return assessments.count(rotation, windows, now=now)

        def follow(
            apart: Collection[Couple], opened: Iterable[Relationship], pending: Iterable[Request]
        ) -> Sequence[AnyDecided]:
            return [*_conflicts(apart, opened), *_retracted(apart, pending, now)]

        trace = Trace(correlation_id=self._clock.new_id())
        return await self._firewall.recount(counted, follow, now=now, limit=_AT_ONCE, trace=trace)


def _conflicts(apart: Collection[Couple], opened: Iterable[Relationship]) -> Iterable[AnyDecided]:
    for relationship in opened:
        is_apart = _couple(relationship) in apart
        if is_apart and relationship.conflict is None:
            yield relationships.find_conflict(relationship, reason="assessment")
        elif not is_apart and relationship.conflict == "assessment":
            yield relationships.clear_conflict(relationship)


def _retracted(apart: Collection[Couple], pending: Iterable[Request], now: datetime) -> Iterable[AnyDecided]:
    for request in pending:
        if _couple(request) in apart:
            yield requests.retract(request, reason="assessment", now=now)


def _couple(entity: Relationship | Request) -> Couple:
    pair = entity.pair
    return pair.programme, frozenset({pair.mentee.member, pair.mentor.member})


def _refused(external: str, errors: tuple[FieldError, ...]) -> Entered:
    return Entered(external=external, outcome="refused", errors=errors)


def _outcome(before: Rotation | None, after: Rotation) -> Outcome:
    if before is None:
        return "created"
    return "unchanged" if after is before else "updated"
