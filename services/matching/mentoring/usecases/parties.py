"""Shared by the use cases of requests and relationships: repository protocol, caller lookup, visibility, versions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from services.matching.kernel.access import require_coordinator
from services.matching.kernel.pairs import Decided, Side
from services.matching.kernel.participants import Exchange, Member, Policy
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from shared.contracts.envelope import Trace
from shared.errors import NotFound, VersionMismatch
from shared.principal import Principal

T = TypeVar("T")
Position = tuple[datetime, str]
"""Cursor of a page: when its last request or relationship began, and the id of that."""
AnyDecided = Decided[Request] | Decided[Relationship]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFilter:
    """Selects requests or relationships of one institution: those of a member, or all in a programme."""

    institution: str
    member: str | None = None
    side: Side | None = None
    """The side that the member is on; None for both."""
    programme: str | None = None
    state: str | None = None


class SignIns(Protocol):
    async def signed_in(self, institution: str, subject_hash: str) -> str | None: ...


class MentoringRepository(SignIns, Protocol):
    async def policy(self, programme: str) -> Policy | None: ...

    async def request(self, institution: str, id: str) -> Request | None:
        """The request with this id, if a party to it belongs to this institution."""

    async def request_and_caller(
        self, institution: str, subject_hash: str, id: str
    ) -> tuple[Request | None, str | None]:
        """The same, and the member bound to this sign-in; one read where the request exists."""

    async def askers(self, ids: Iterable[str]) -> Mapping[str, Member]:
        """The members with these ids, of any institution; the ids come from requests that the caller may see."""

    async def requests(self, wanted: PairFilter, *, before: Position | None, limit: int) -> Sequence[Request]:
        """The newest first."""

    async def relationship(self, institution: str, id: str) -> Relationship | None: ...

    async def relationships(
        self, wanted: PairFilter, *, before: Position | None, limit: int
    ) -> Sequence[Relationship]: ...

    async def decide(
        self,
        programme: str,
        *,
        mentee: str,
        mentor: str,
        decide: Callable[[Situation], Sequence[AnyDecided]],
        read_competing_requests: bool,
        exchange: Exchange | None,
        trace: Trace,
    ) -> None:
        """Reads both parties, decides and saves in one transaction. A seat is taken only if it is free; a seat below a
        ceiling only if no concurrent transaction takes one in the same exchange: `exchange` is the one that may have a
        ceiling. `decide` may be called more than once. Raises `StaleVersion`.
        """

    async def change_request(
        self, institution: str, id: str, decide: Callable[[Request], Decided[Request] | None], trace: Trace
    ) -> Request:
        """Reads the request, decides and saves in one transaction; None changes nothing."""

    async def change_relationship(
        self,
        institution: str,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
    ) -> Relationship:
        """The same for a relationship, with the situation of its parties."""


async def require_member(store: SignIns, me: Principal) -> str:
    me.require("member")
    return require_bound(await store.signed_in(me.home, me.subject_hash))


def require_bound(member: T | None) -> T:
    if member is None:
        raise NotFound(
            "member_not_found",
            "your sign-in is not linked to an active member: accept your invitation first, "
            "or ask your coordinator to reactivate your profile",
        )
    return member


async def visible_side(
    store: MentoringRepository, me: Principal, found: Request | Relationship | None, *, what: str
) -> Side | None:
    """The caller's side, or None for a coordinator of the programme. Raises `NotFound` for every other caller."""
    me.require("member", "coordinator")
    if found is not None:
        member = await store.signed_in(me.home, me.subject_hash) if "member" in me.roles else None
        side = found.pair.side_of(member) if member is not None else None
        if side is not None or me.coordinates(found.pair.programme):
            return side
    raise NotFound(f"{what}_not_found", f"there is no {what} with this id")


async def require_coordinator_of(store: MentoringRepository, me: Principal, programme: str) -> None:
    require_coordinator(me, await store.policy(programme), programme)


def check_version(state: Request | Relationship, expected: int | None) -> None:
    version = state.shown_version if isinstance(state, Relationship) else state.version
    if expected is not None and version != expected:
        raise VersionMismatch(found=version, expected=expected)
