"""Asking and answering. Everybody acts as themselves only; coordinators see pairs, states and reason codes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.matching.kernel.pairs import Decided, Side
from services.matching.kernel.participants import Member
from services.matching.mentoring.domain import requests as domain
from services.matching.mentoring.domain.requests import DecliningReason, Request, RequestState, Situation
from services.matching.mentoring.usecases.parties import (
    AnyDecided,
    MentoringRepository,
    Position,
    Wanted,
    bound,
    check,
    coordinated,
    myself,
    side_seen,
)
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound
from shared.retries import again_when_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a mentee wants to ask."""

    id: str
    programme: str
    mentor: str
    message: str


@dataclass(frozen=True, slots=True)
class Seen:
    request: Request
    side: Side | None
    """The reader's; None for a coordinator."""
    asker: Member | None = None

    @property
    def shows_asker(self) -> bool:
        """To the mentor, no longer than there is something to decide or a mentoring."""
        return self.side == "mentor" and self.request.state in ("pending", "accepted")


class Requests:
    def __init__(self, store: MentoringRepository, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def ask(self, me: Principal, asked: Asked, *, mentee: str, trace: Trace) -> Request:
        """Asking the same again (a retry after a crash) changes nothing."""
        if await myself(self._store, me) != mentee:
            raise NotFound("mentee_not_found", "there is no mentee with this id")
        await again_when_stale(lambda: self._ask(me, asked, mentee, trace))
        return await self._own(me, asked.id, "mentee")

    async def _ask(self, me: Principal, asked: Asked, mentee: str, trace: Trace) -> None:
        if await self._store.request(me.home, asked.id) is not None:
            return
        now = self._clock.now()

        def decide(situation: Situation) -> Sequence[AnyDecided]:
            return [
                domain.request(
                    asked.id,
                    programme=asked.programme,
                    mentor=asked.mentor,
                    message=asked.message,
                    situation=situation,
                    now=now,
                )
            ]

        await self._store.decide(
            asked.programme,
            mentee=mentee,
            mentor=asked.mentor,
            decide=decide,
            with_rivals=False,
            exchange=None,
            trace=trace,
        )

    async def accept(self, me: Principal, id: str, *, expected: int | None, trace: Trace) -> Request:
        """Accepting again changes nothing, and so with the other answers."""

        async def act() -> Request:
            request = await self._own(me, id, "mentor")
            return request if request.state == "accepted" else await self._accept(request, expected, trace)

        return await again_when_stale(act)

    async def _accept(self, request: Request, expected: int | None, trace: Trace) -> Request:
        check(request, expected)
        now, relationship = self._clock.now(), self._clock.new_id()
        domain.refuse_settled(request, now)
        accepted = request

        def decide(situation: Situation) -> Sequence[AnyDecided]:
            nonlocal accepted
            first, begun, settled = domain.accept(request, situation=situation, relationship=relationship, now=now)
            accepted = first.state
            return [first, begun, *settled]

        pair = request.pair
        mentee, mentor = pair.mentee.member, pair.mentor.member
        await self._store.decide(
            pair.programme,
            mentee=mentee,
            mentor=mentor,
            decide=decide,
            with_rivals=True,
            exchange=pair.exchange if pair.is_across_institutions else None,
            trace=trace,
        )
        return accepted

    async def decline(
        self, me: Principal, id: str, *, reason: DecliningReason, expected: int | None, trace: Trace
    ) -> Request:
        now = self._clock.now()

        def decide(request: Request) -> Decided[Request]:
            return domain.decline(request, reason=reason, now=now)

        return await self._settle(me, id, "mentor", decide, to="declined", expected=expected, trace=trace)

    async def withdraw(self, me: Principal, id: str, *, expected: int | None, trace: Trace) -> Request:
        now = self._clock.now()

        def decide(request: Request) -> Decided[Request]:
            return domain.withdraw(request, now=now)

        return await self._settle(me, id, "mentee", decide, to="withdrawn", expected=expected, trace=trace)

    async def see(self, me: Principal, id: str) -> Seen:
        request = await self._store.request(me.home, id)
        side = await side_seen(self._store, me, request, what="request")
        if request is None:
            raise NotFound("request_not_found", "there is no request with this id")
        [seen] = await self._with_askers([Seen(request, side)])
        return seen

    async def mine(
        self, me: Principal, *, side: Side | None, state: RequestState | None, before: Position | None, limit: int
    ) -> Sequence[Seen]:
        member = await myself(self._store, me)
        wanted = Wanted(institution=me.home, member=member, side=side, state=state)
        found = await self._store.requests(wanted, before=before, limit=limit)
        return await self._with_askers([Seen(one, one.pair.side_of(member)) for one in found])

    async def of_programme(
        self, me: Principal, programme: str, *, state: RequestState | None, before: Position | None, limit: int
    ) -> Sequence[Request]:
        await coordinated(self._store, me, programme)
        wanted = Wanted(institution=me.home, programme=programme, state=state)
        return await self._store.requests(wanted, before=before, limit=limit)

    async def _with_askers(self, seen: Sequence[Seen]) -> Sequence[Seen]:
        asking = {one.request.pair.mentee.member for one in seen if one.shows_asker}
        askers = await self._store.askers(asking) if asking else {}
        return [
            replace(one, asker=askers.get(one.request.pair.mentee.member)) if one.shows_asker else one for one in seen
        ]

    async def _settle(
        self,
        me: Principal,
        id: str,
        side: Side,
        decide: Callable[[Request], Decided[Request]],
        *,
        to: RequestState,
        expected: int | None,
        trace: Trace,
    ) -> Request:
        await self._own(me, id, side)

        def settle(request: Request) -> Decided[Request] | None:
            if request.state == to:
                return None
            check(request, expected)
            return decide(request)

        return await again_when_stale(lambda: self._store.change_request(me.home, id, settle, trace))

    async def _own(self, me: Principal, id: str, side: Side) -> Request:
        """Raises `NotFound` for a request in which whoever asks is not on this side."""
        me.require("member")
        request, asker = await self._store.request_and_asker(me.home, me.subject_hash, id)
        member = bound(asker)
        if request is None or request.pair.side_of(member) != side:
            raise NotFound("request_not_found", "there is no request with this id")
        return request
