"""A mentor opens a group of their active mentorships; its people sign terms, meet and leave. Nobody else sees it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from services.mentorships.groups import domain
from services.mentorships.groups.domain import Candidate, Group
from services.mentorships.kernel.access import SignIns, require_member, unknown
from services.mentorships.kernel.pairs import Decided, Party, Side
from services.mentorships.meetings.domain.plans import Plan
from services.mentorships.projections.domain import Person
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import VersionMismatch
from shared.retries import retried_when_stale

Decide = Callable[[Group, str], Decided[Group] | None]
"""By group and the member who decides."""
SHOWN_AFTER_END = timedelta(days=183)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRequest:
    group: str
    trace: Trace
    expected: int | None = None
    """The version that the caller knows, if they name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A group as one person of it sees it."""

    group: Group
    member: str
    side: Side
    people: Mapping[str, Person]

    @property
    def zone(self) -> str:
        return self.people[self.member].time_zone if self.member in self.people else "UTC"

    def name_of(self, party: Party) -> str | None:
        """The mentor's is shown to all; mentees see each other's once both have signed."""
        others = {mentee.party.member: mentee.has_joined for mentee in self.group.mentees}
        is_shown = (
            self.side == "mentor"
            or party.member in (self.member, self.group.mentor.member)
            or (others.get(self.member, False) and others.get(party.member, False))
        )
        return self.people[party.member].name if is_shown and party.member in self.people else None


class GroupRepository(SignIns, Protocol):
    async def people(self, ids: Collection[str]) -> Mapping[str, Person]: ...

    async def find(self, institution: str, id: str) -> Group | None: ...

    async def of_member(self, institution: str, member: str) -> Sequence[Group]:
        """The newest first."""

    async def open(
        self,
        mentor: Party,
        id: str,
        mentorships: Sequence[str],
        decide: Callable[[Sequence[Candidate]], Decided[Group]],
        trace: Trace,
    ) -> Group:
        """Decides on those of these mentorships that are the mentor's. Returns a group that exists already."""

    async def change(
        self, institution: str, id: str, decide: Callable[[Group], Decided[Group] | None], trace: Trace
    ) -> Group: ...

    async def hold(
        self, institution: str, id: str, decide: Callable[[Group], Decided[Group] | None], trace: Trace
    ) -> Group:
        """Like `change`; a meeting that was held is held in every mentorship of the group, in the same transaction."""


class Groups:
    def __init__(self, repository: GroupRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def open(
        self, me: Principal, programme: str, mentorships: Sequence[str], *, text: str, id: str, trace: Trace
    ) -> Seen:
        member, now = await require_member(self._repository, me), self._clock.now()
        mentor = Party(member=member, institution=me.home)

        def decide(candidates: Sequence[Candidate]) -> Decided[Group]:
            return domain.open_group(candidates, id=id, mentor=mentor, programme=programme, text=text, now=now)

        group = await retried_when_stale(self._repository.open)(mentor, id, mentorships, decide, trace)
        return await self._seen(group, member)

    async def mine(self, me: Principal) -> Sequence[Seen]:
        """Open ones, and those that ended in the last half year."""
        member = await require_member(self._repository, me)
        since = self._clock.now() - SHOWN_AFTER_END
        found = await self._repository.of_member(me.home, member)
        return [await self._seen(group, member) for group in found if group.is_open or group.changed_at > since]

    async def see(self, me: Principal, id: str) -> Seen:
        member, group = await self._require(me, id)
        return await self._seen(group, member)

    async def propose(self, me: Principal, request: GroupRequest, text: str) -> Seen:
        now = self._clock.now()
        return await self._change(me, request, lambda group, by: domain.propose(group, text, by=by, now=now))

    async def sign(self, me: Principal, request: GroupRequest, *, number: int) -> Seen:
        now = self._clock.now()
        return await self._change(me, request, lambda group, by: domain.sign(group, number=number, by=by, now=now))

    async def leave(self, me: Principal, request: GroupRequest) -> Seen:
        """A mentee leaves; the mentor ends the group."""
        now = self._clock.now()

        def decide(group: Group, by: str) -> Decided[Group]:
            if group.side_of(by) == "mentor":
                return domain.end(group, by=by, now=now)
            return domain.leave(group, by, now=now)

        return await self._change(me, request, decide)

    async def remove(self, me: Principal, request: GroupRequest, mentee: str) -> Seen:
        now = self._clock.now()
        return await self._change(me, request, lambda group, by: domain.remove(group, mentee, by=by, now=now))

    async def plan_meetings(self, me: Principal, request: GroupRequest, plan: Plan) -> Seen:
        now = self._clock.now()
        return await self._change(me, request, lambda group, by: domain.plan_meetings(group, plan, by=by, now=now))

    async def cancel_one(self, me: Principal, request: GroupRequest, meeting: str) -> Seen:
        now = self._clock.now()
        return await self._change(me, request, lambda group, by: domain.cancel_one(group, meeting, by=by, now=now))

    async def hold(self, me: Principal, request: GroupRequest, meeting: str) -> Seen:
        now, (member, _) = self._clock.now(), await self._require(me, request.group)
        decide = _current(request, member, lambda group, by: domain.hold(group, meeting, by=by, now=now))
        held = await retried_when_stale(self._repository.hold)(me.home, request.group, decide, request.trace)
        return await self._seen(held, member)

    async def _change(self, me: Principal, request: GroupRequest, decide: Decide) -> Seen:
        member, _ = await self._require(me, request.group)
        change = retried_when_stale(self._repository.change)
        group = await change(me.home, request.group, _current(request, member, decide), request.trace)
        return await self._seen(group, member)

    async def _require(self, me: Principal, id: str) -> tuple[str, Group]:
        member = await require_member(self._repository, me)
        group = await self._repository.find(me.home, id)
        if group is None or group.side_of(member) is None:
            raise unknown("group")
        return member, group

    async def _seen(self, group: Group, member: str) -> Seen:
        """Who has just left it sees it once more, as a mentee."""
        people = await self._repository.people({member, *group.parties.members})
        return Seen(group=group, member=member, side=group.side_of(member) or "mentee", people=people)


def _current(request: GroupRequest, member: str, decide: Decide) -> Callable[[Group], Decided[Group] | None]:
    def decide_current(group: Group) -> Decided[Group] | None:
        if group.side_of(member) is None:
            raise unknown("group")
        if request.expected is not None and group.version != request.expected:
            raise VersionMismatch(found=group.version, expected=request.expected)
        return decide(group, member)

    return decide_current
