"""An institution's consent to being named by another: admitted to a programme, or a member's affiliation.

Neither counts before its coordinator has agreed. They may decline later, and agree again.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.members.domain import members
from services.profiles.members.domain.members import Member
from services.profiles.members.usecases import MemberRepository
from services.profiles.programmes import domain as programmes
from services.profiles.programmes.domain import Programme
from services.profiles.programmes.usecases import ProgrammeRepository
from shared.contracts.envelope import Trace
from shared.errors import Forbidden, NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale


class Consents:
    def __init__(self, programmes: ProgrammeRepository, members: MemberRepository) -> None:
        self._programmes = programmes
        self._members = members

    async def admissions(self, me: Principal, *, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        return await self._programmes.naming(_require_coordinator(me), after, limit)

    async def affiliations(self, me: Principal, *, after: str | None, limit: int) -> Sequence[Versioned[Member]]:
        return await self._members.naming(_require_coordinator(me), after, limit)

    @retried_when_stale
    async def answer_admission(
        self, me: Principal, programme: str, *, agrees: bool, trace: Trace
    ) -> Versioned[Programme]:
        home = _require_coordinator(me)
        before = await self._programmes.find_any(programme)
        if before is None or home not in before.state.admits or home == before.state.institution:
            raise NotFound("admission_not_found", "no programme with this id asks to admit your institution")
        after = programmes.answer(before.state, home, agrees=agrees)
        return await self._programmes.save(before, after, programmes.facts(after), trace)

    @retried_when_stale
    async def answer_affiliation(self, me: Principal, member: str, *, agrees: bool, trace: Trace) -> Versioned[Member]:
        home = _require_coordinator(me)
        before = await self._members.find_naming(home, member)
        if before is None:
            raise NotFound("affiliation_not_found", "no other institution names this member as affiliated with yours")
        after = members.answer_affiliation(before.state, home, agrees=agrees)
        after = after if agrees else await self._without_programmes_of(home, after)
        payloads = changed_facts(members.facts(before.state), members.facts(after))
        return await self._members.save(before, after, payloads, trace)

    async def _without_programmes_of(self, institution: str, member: Member) -> Member:
        """Enrolments in this institution's programmes end with the affiliation, unless they admit the member's own."""
        joined = sorted(member.programmes)
        owned = {
            programme.id
            for programme in await self._programmes.named(joined, institution)
            if programme.institution == institution
        }
        admitting = {programme.id for programme in await self._programmes.named(joined, member.institution)}
        left = owned - admitting
        return replace(
            member, enrolments=tuple(enrolment for enrolment in member.enrolments if enrolment.programme not in left)
        )


def _require_coordinator(me: Principal) -> str:
    if not me.coordinates_institution:
        raise Forbidden("role_required", "this needs the role institution_coordinator")
    return me.home
