"""Make, answer, withdraw and read requests. Members act for themselves only; coordinators see no messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.matching.kernel.pairs import Decided, Side
from services.matching.kernel.participants import Member
from services.matching.mentoring.domain import requests as domain
from services.matching.mentoring.domain.requests import DecliningReason, Request, RequestState, Situation
from services.matching.mentoring.usecases.parties import (
    AnyDecided,
    MentoringRepository,
    PairFilter,
    Position,
    check_version,
    require_bound,
    require_coordinator_of,
    require_member,
    visible_side,
)
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMentor:
    """A mentee's command to request a mentor."""

    id: str
    programme: str
    mentor: str
    message: str


@dataclass(frozen=True, slots=True)
class RequestView:
    request: Request
    side: Side | None
    """The reader's side; None for a coordinator."""
    asker: Member | None = None

    @property
    def shows_asker(self) -> bool:
        """Whether the reader sees the mentee's card: the mentor does, while the request is pending or accepted."""
        return self.side == "mentor" and self.request.state in ("pending", "accepted")


class Requests:
    def __init__(self, store: MentoringRepository, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def ask(self, me: Principal, asked: RequestMentor, *, mentee: str, trace: Trace) -> Request:
        """Idempotent by the request's id: a retry after a crash changes nothing."""
        if await require_member(self._store, me) != mentee:
            raise NotFound("mentee_not_found", "there is no mentee with this id")
        await self._ask(me, asked, mentee, trace)
        return await self._own(me, asked.id, "mentee")

    @retried_when_stale
    async def _ask(self, me: Principal, asked: RequestMentor, mentee: str, trace: Trace) -> None:
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
            read_competing_requests=False,
            exchange=None,
            trace=trace,
        )

    @retried_when_stale
    async def accept(self, me: Principal, id: str, *, expected: int | None, trace: Trace) -> Request:
        """Idempotent, as `decline` and `withdraw` are: accepting an accepted request changes nothing."""
        request = await self._own(me, id, "mentor")
        return request if request.state == "accepted" else await self._accept(request, expected, trace)

    async def _accept(self, request: Request, expected: int | None, trace: Trace) -> Request:
        check_version(request, expected)
        now, relationship = self._clock.now(), self._clock.new_id()
        domain.refuse_settled(request, now)
        accepted = request

        def decide(situation: Situation) -> Sequence[AnyDecided]:
            nonlocal accepted
            decided, opened, withdrawn = domain.accept(request, situation=situation, relationship=relationship, now=now)
            accepted = decided.state
            return [decided, opened, *withdrawn]

        pair = request.pair
        mentee, mentor = pair.mentee.member, pair.mentor.member
        await self._store.decide(
            pair.programme,
            mentee=mentee,
            mentor=mentor,
            decide=decide,
            read_competing_requests=True,
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

    async def see(self, me: Principal, id: str) -> RequestView:
        request = await self._store.request(me.home, id)
        side = await visible_side(self._store, me, request, what="request")
        if request is None:
            raise NotFound("request_not_found", "there is no request with this id")
        [view] = await self._with_askers([RequestView(request, side)])
        return view

    async def mine(
        self, me: Principal, *, side: Side | None, state: RequestState | None, before: Position | None, limit: int
    ) -> Sequence[RequestView]:
        member = await require_member(self._store, me)
        wanted = PairFilter(institution=me.home, member=member, side=side, state=state)
        found = await self._store.requests(wanted, before=before, limit=limit)
        return await self._with_askers([RequestView(request, request.pair.side_of(member)) for request in found])

    async def of_programme(
        self, me: Principal, programme: str, *, state: RequestState | None, before: Position | None, limit: int
    ) -> Sequence[Request]:
        await require_coordinator_of(self._store, me, programme)
        wanted = PairFilter(institution=me.home, programme=programme, state=state)
        return await self._store.requests(wanted, before=before, limit=limit)

    async def _with_askers(self, views: Sequence[RequestView]) -> Sequence[RequestView]:
        asking = {view.request.pair.mentee.member for view in views if view.shows_asker}
        askers = await self._store.askers(asking) if asking else {}
        return [
            replace(view, asker=askers.get(view.request.pair.mentee.member)) if view.shows_asker else view
            for view in views
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
            check_version(request, expected)
            return decide(request)

        return await retried_when_stale(self._store.change_request)(me.home, id, settle, trace)

    async def _own(self, me: Principal, id: str, side: Side) -> Request:
        """Raises `NotFound` for a request in which the caller is not on this side."""
        me.require("member")
        request, caller = await self._store.request_and_caller(me.home, me.subject_hash, id)
        member = require_bound(caller)
        if request is None or request.pair.side_of(member) != side:
            raise NotFound("request_not_found", "there is no request with this id")
        return request
