"""The thread of a mentorship: read, written, blocked and reported by the two; coordinators read what was reported."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_coordinator, require_party
from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.messages import domain
from services.mentorships.messages.domain import Message, ReportReason, Thread
from services.mentorships.projections.domain import Programme
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.retries import retried_when_stale


class MessageRepository(SignIns, Protocol):
    async def programme(self, id: str) -> Programme | None: ...

    async def thread(self, institution: str, mentorship: str) -> Thread | None:
        """Of a mentorship with a member of this institution."""

    async def find(self, institution: str, id: str) -> Message | None: ...

    async def of_thread(
        self, institution: str, mentorship: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Message]:
        """The newest first."""

    async def bound(self, institution: str, subject_hash: str) -> str | None:
        """The member bound to this sign-in, active or not."""

    async def reported(
        self,
        institution: str,
        programme: str,
        *,
        not_of: str | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[Message]:
        """Those that members of this institution have reported, without the mentorships of one person; newest first."""

    async def send(
        self, institution: str, mentorship: str, id: str, decide: Callable[[Thread], Decided[Message]], trace: Trace
    ) -> Message:
        """Decides on the thread as it is when the message is saved. Returns a message that exists already."""

    async def change(
        self, institution: str, id: str, decide: Callable[[Message], Decided[Message] | None], trace: Trace
    ) -> Message: ...

    async def block(self, institution: str, mentorship: str, *, side: Side, is_blocked: bool) -> None: ...


class Messages:
    def __init__(self, repository: MessageRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def thread(
        self, me: Principal, mentorship: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> tuple[Side, Thread, Sequence[Message]]:
        side, thread = await self._thread(me, mentorship)
        return side, thread, await self._repository.of_thread(me.home, mentorship, before=before, limit=limit)

    async def send(self, me: Principal, mentorship: str, *, id: str, text: str, trace: Trace) -> Message:
        side, _ = await self._thread(me, mentorship)
        now = self._clock.now()

        def decide(thread: Thread) -> Decided[Message]:
            return domain.send(thread, mentorship=mentorship, id=id, by=side, text=text, now=now)

        return await retried_when_stale(self._repository.send)(me.home, mentorship, id, decide, trace)

    async def block(self, me: Principal, mentorship: str, *, is_blocked: bool) -> None:
        side, _ = await self._thread(me, mentorship)
        await self._repository.block(me.home, mentorship, side=side, is_blocked=is_blocked)

    async def see(self, me: Principal, id: str) -> tuple[Side, Message]:
        found = await self._repository.find(me.home, id)
        return await require_party(self._repository, me, found, what="message")

    async def report(self, me: Principal, id: str, *, reason: ReportReason, comment: str, trace: Trace) -> None:
        side, _ = await self.see(me, id)
        now = self._clock.now()
        await retried_when_stale(self._repository.change)(
            me.home, id, lambda known: domain.report(known, by=side, reason=reason, comment=comment, now=now), trace
        )

    async def reported(
        self, me: Principal, id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Message]:
        """A coordinator who is a member too does not read what was reported in a mentorship of their own."""
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        own = await self._repository.bound(me.home, me.subject_hash)
        return await self._repository.reported(me.home, id, not_of=own, before=before, limit=limit)

    async def _thread(self, me: Principal, mentorship: str) -> tuple[Side, Thread]:
        thread = await self._repository.thread(me.home, mentorship)
        return await require_party(self._repository, me, thread, what="mentorship")
