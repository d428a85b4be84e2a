"""Members, changed by their coordinator or by themselves. Everybody else gets the answer for an unknown id.

A coordinator of named programmes sees members enrolled in these, with these enrolments only. What concerns the whole
person (fields, status, an invitation) can be changed only by a coordinator of all their programmes.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.kernel.usecases import AggregateRepository
from services.profiles.members.domain import members as domain
from services.profiles.members.domain.members import Member
from services.profiles.members.domain.profile import INSTITUTION_ONLY
from services.profiles.programmes.usecases import ProgrammeRepository
from shared.contracts.envelope import Trace
from shared.contracts.profiles import Role, Stage, Status
from shared.errors import Conflict, FieldError, Forbidden, NotFound, Rejected
from shared.principal import Principal
from shared.retries import retried_when_stale
from shared.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFilter:
    """Filters of a list of members; None does not filter."""

    status: Status | None = None
    programme: str | None = None
    role: Role | None = None
    specialty: str | None = None
    stage: Stage | None = None
    external_id: str | None = None
    email: str | None = None
    name_words: tuple[str, ...] = ()
    """Each is the beginning of a word of the name, as `name_words.words` writes words."""


class MemberRepository(AggregateRepository[Member], Protocol):
    async def find_signed_in(self, institution: str, subject_hash: str) -> Versioned[Member] | None: ...

    async def naming(self, institution: str, after: str | None, limit: int) -> Sequence[Versioned[Member]]:
        """Other institutions' members whom they affiliate with this institution, whatever it has answered."""

    async def find_naming(self, institution: str, id: str) -> Versioned[Member] | None: ...

    async def find_within(self, scope: Scope, id: str) -> Versioned[Member] | None:
        """A member enrolled in a programme that the scope covers."""

    async def page(
        self, scope: Scope, wanted: MemberFilter, after: str | None, limit: int
    ) -> Sequence[Versioned[Member]]:
        """As `find_within`. Filters compare enrolments in scope only. Raises `Rejected` if too many names match."""


Decision = Callable[[Member], Member]


_TAKEN = frozenset({"email_taken", "external_id_taken"})


@contextmanager
def hiding_others(me: Principal) -> Iterator[None]:
    """Hides from a principal with a limited view which of the two values is taken, and by whom."""
    try:
        yield
    except Conflict as conflict:
        if conflict.code not in _TAKEN or me.coordinates_institution:
            raise
        raise Conflict(
            "identity_refused",
            "this e-mail address or external_id cannot be used: check both, or ask a coordinator of the institution",
        ) from None


def not_found() -> NotFound:
    return NotFound("member_not_found", "there is no member with this id")


def is_self(me: Principal, member: Member) -> bool:
    return member.subject_hash is not None and member.subject_hash == me.subject_hash


def coordinates(me: Principal, member: Member) -> bool:
    """A coordinator of named programmes coordinates the members enrolled in one of these."""
    return me.is_coordinator and me.scope.covers_any(member.programmes)


def refuse_shared(me: Principal, member: Member) -> None:
    if not me.scope.covers_all(member.programmes):
        raise Forbidden(
            "member_shared",
            "this member is also in programmes that you do not coordinate: change only their enrolments in yours; "
            "ask a coordinator of the institution for the rest",
        )


def affiliations_refused() -> Forbidden:
    return Forbidden("role_required", "changing affiliations needs the role institution_coordinator")


class MemberUseCases:
    def __init__(self, members: MemberRepository, programmes: ProgrammeRepository) -> None:
        self._members = members
        self._programmes = programmes

    async def register(self, me: Principal, *, id: str, given: Mapping[str, Any], trace: Trace) -> Versioned[Member]:
        me.require("coordinator")
        member = domain.register(id=id, institution=me.home, given=given)
        if not await self._members.has_added(id):
            await self._check(me, None, member)
        with hiding_others(me):
            return await self._members.add(member, domain.facts(member), trace, request=id)

    async def see(self, me: Principal, id: str) -> Versioned[Member]:
        found = await self._members.find_within(me.scope, id) if me.is_coordinator else None
        if found is None:
            found = await self._members.find_signed_in(me.home, me.subject_hash)
        if found is None or found.state.id != id:
            raise not_found()
        return found

    async def see_myself(self, me: Principal) -> Versioned[Member]:
        found = await self._members.find_signed_in(me.home, me.subject_hash)
        if found is None:
            raise NotFound("not_bound", "your sign-in is not linked to a member yet: accept your invitation first")
        return found

    async def mentors_named(
        self, me: Principal, programme: str, name_words: tuple[str, ...], *, limit: int
    ) -> Sequence[Member]:
        """Active mentors of the mentee's own institution in a programme that they share."""
        mentee = (await self.see_myself(me)).state
        if not any(each.programme == programme and "mentee" in each.roles for each in mentee.enrolments):
            raise NotFound("enrolment_not_found", "you are not enrolled as a mentee in a programme with this id")
        wanted = MemberFilter(status="active", programme=programme, role="mentor", name_words=name_words)
        scope = Scope(institution=me.home, is_whole=True)
        found = [each.state for each in await self._members.page(scope, wanted, None, limit + 1)]
        return [member for member in found if member.id != mentee.id][:limit]

    async def page(
        self, me: Principal, wanted: MemberFilter, *, after: str | None, limit: int
    ) -> Sequence[Versioned[Member]]:
        me.require("coordinator")
        return await self._members.page(me.scope, wanted, after, limit)

    async def change(
        self,
        me: Principal,
        id: str,
        given: Mapping[str, Any],
        *,
        expected: int,
        trace: Trace,
    ) -> Versioned[Member]:
        return await self._change(me, await self.see(me, id), given, expected=expected, trace=trace)

    async def change_myself(
        self, me: Principal, given: Mapping[str, Any], *, expected: int, trace: Trace
    ) -> Versioned[Member]:
        return await self._change(me, await self.see_myself(me), given, expected=expected, trace=trace)

    @retried_when_stale
    async def decide(self, me: Principal, id: str, decision: Decision, trace: Trace) -> Versioned[Member]:
        """Pauses, resumes or deactivates, whatever the version is."""
        before = await self.see(me, id)
        after = decision(before.state)
        if not is_self(me, before.state):
            refuse_shared(me, before.state)
        if after != before.state:
            _refuse_inactive(me, before.state)
        return await self._save(me, before, after, trace)

    async def reactivate(self, me: Principal, id: str, trace: Trace) -> Versioned[Member]:
        me.require("coordinator")
        refuse_shared(me, (await self.see(me, id)).state)
        return await self.decide(me, id, domain.reactivate, trace)

    async def _change(
        self,
        me: Principal,
        before: Versioned[Member],
        given: Mapping[str, Any],
        *,
        expected: int,
        trace: Trace,
    ) -> Versioned[Member]:
        before = before.at(expected)
        after = _decide(me, before.state, given)
        await self._check(me, before.state, after)
        return await self._save(me, before, after, trace)

    async def _save(self, me: Principal, before: Versioned[Member], after: Member, trace: Trace) -> Versioned[Member]:
        if after == before.state:
            return before
        payloads = changed_facts(domain.facts(before.state), domain.facts(after))
        with hiding_others(me):
            return await self._members.save(before, after, payloads, trace)

    async def _check(self, me: Principal, before: Member | None, after: Member) -> None:
        """Checks new enrolments only: a programme that has closed since does not block other changes of a profile."""
        if not me.coordinates_institution and after.affiliations != (before.affiliations if before else ()):
            raise affiliations_refused()
        enrolled, were = set(after.enrolments), set(before.enrolments if before else ())
        touched = {enrolment.programme for enrolment in enrolled ^ were}
        if touched or before is None:
            _refuse_outside(me.scope, touched, after)
        joined = sorted(after.programmes - (before.programmes if before else frozenset()))
        if joined:
            await self._refuse_closed(joined, after)

    async def _refuse_closed(self, joined: Sequence[str], member: Member) -> None:
        admitting = await self._programmes.named(joined, member.institution, member.agreed_affiliations)
        is_open = {programme.id for programme in admitting if programme.status == "active"}
        if closed := [programme for programme in joined if programme not in is_open]:
            raise _invalid("enrolments", f"these are not active programmes that admit this member: {', '.join(closed)}")


def _decide(me: Principal, member: Member, given: Mapping[str, Any]) -> Member:
    """A person changes their own fields; a coordinator who changes themselves also sets the institution's fields."""
    if not is_self(me, member):
        return domain.change_as_institution(member, _limited(me, member, given))
    if not coordinates(me, member):
        _refuse_inactive(me, member)
        return domain.change_as_person(member, given)
    as_coordinator = {name: value for name, value in given.items() if name in INSTITUTION_ONLY}
    own = {name: value for name, value in given.items() if name not in INSTITUTION_ONLY}
    return domain.change_as_person(domain.change_as_institution(member, _limited(me, member, as_coordinator)), own)


def _limited(me: Principal, member: Member, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Enrolments that a coordinator sends are those in their programmes: the member's other enrolments stay."""
    if given.keys() - {"enrolments"}:
        refuse_shared(me, member)
    if "enrolments" not in given:
        return given
    _refuse_uncovered(me.scope, {enrolment.programme for enrolment in given["enrolments"]})
    others = tuple(enrolment for enrolment in member.enrolments if not me.scope.covers(enrolment.programme))
    return {**given, "enrolments": (*others, *given["enrolments"])}


def _refuse_uncovered(scope: Scope, programmes: Collection[str]) -> None:
    """Refuses even where the member is enrolled already: the answer must not reveal that."""
    if not scope.covers_all(programmes):
        raise _limited_enrolments(scope)


def _refuse_outside(scope: Scope, touched: Collection[str], after: Member) -> None:
    _refuse_uncovered(scope, touched)
    if not (scope.is_whole or after.programmes):
        raise _limited_enrolments(scope)


def _limited_enrolments(scope: Scope) -> Forbidden:
    return Forbidden(
        "role_required",
        f"you may enrol members only in {', '.join(sorted(scope.programmes))}; keep them in at least one of these",
    )


def _refuse_inactive(me: Principal, member: Member) -> None:
    if member.status != "active" and not coordinates(me, member):
        raise Forbidden(
            "member_inactive",
            "your profile is not active: you can read it, export it and have it erased; "
            "to change it, ask your coordinator to reactivate it first",
        )


def _invalid(field: str, message: str) -> Rejected:
    return Rejected("member_invalid", f"{field}: {message}", (FieldError(field, message),))
