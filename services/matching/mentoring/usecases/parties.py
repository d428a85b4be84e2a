"""What requests and relationships have in common: who asks, what they see, and that nobody is overwritten unseen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.matching.kernel.access import require_coordinator
from services.matching.kernel.pairs import Decided, Side
from services.matching.kernel.participants import Exchange, Member, Policy
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from shared.auth import Principal
from shared.contracts.envelope import Trace
from shared.errors import NotFound, VersionMismatch

Position = tuple[datetime, str]
"""Where a page ends: when the last one on it began, and its id."""
AnyDecided = Decided[Request] | Decided[Relationship]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Of one institution: a member's own, or all in a programme."""

    institution: str
    member: str | None = None
    side: Side | None = None
    """Only those in which the member is this."""
    programme: str | None = None
    state: str | None = None


class SignIns(Protocol):
    async def signed_in(self, institution: str, subject_hash: str) -> str | None: ...


class MentoringRepository(SignIns, Protocol):
    async def policy(self, programme: str) -> Policy | None: ...

    async def request(self, institution: str, id: str) -> Request | None:
        """One that a member of this institution is a party to."""

    async def request_and_asker(
        self, institution: str, subject_hash: str, id: str
    ) -> tuple[Request | None, str | None]:
        """The same, and the member bound to this sign-in: in one read where there is such a request."""

    async def askers(self, ids: Iterable[str]) -> Mapping[str, Member]:
        """Of any institution, named by what the asker may see."""

    async def requests(self, wanted: Wanted, *, before: Position | None, limit: int) -> Sequence[Request]:
        """The newest first."""

    async def relationship(self, institution: str, id: str) -> Relationship | None: ...

    async def relationships(self, wanted: Wanted, *, before: Position | None, limit: int) -> Sequence[Relationship]: ...

    async def decide(
        self,
        programme: str,
        *,
        mentee: str,
        mentor: str,
        decide: Callable[[Situation], Sequence[AnyDecided]],
        with_rivals: bool,
        exchange: Exchange | None,
        trace: Trace,
    ) -> None:
        """Decides on one moment's state of the two and saves, in one transaction; a seat is taken on condition that
        it is free, one below a ceiling on condition that nobody takes another meanwhile: `exchange` is where that may
        be. `decide` may be called more than once. Raises `StaleVersion`.
        """

    async def change_request(
        self, institution: str, id: str, decide: Callable[[Request], Decided[Request] | None], trace: Trace
    ) -> Request:
        """Decides on the request as it stands and saves, in one transaction; None changes nothing."""

    async def change_relationship(
        self,
        institution: str,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
    ) -> Relationship:
        """The same, with what bears on the two."""


async def myself(store: SignIns, me: Principal) -> str:
    me.require("member")
    return bound(await store.signed_in(me.home, me.subject_hash))


def bound(member: str | None) -> str:
    if member is None:
        raise NotFound(
            "member_not_found",
            "your sign-in is not linked to an active member: accept your invitation first, "
            "or ask your coordinator to reactivate your profile",
        )
    return member


async def side_seen(
    store: MentoringRepository, me: Principal, one: Request | Relationship | None, *, what: str
) -> Side | None:
    """None: a coordinator's view. Raises `NotFound` for everybody else, as for what does not exist."""
    me.require("member", "coordinator")
    if one is not None:
        member = await store.signed_in(me.home, me.subject_hash) if "member" in me.roles else None
        side = one.pair.side_of(member) if member is not None else None
        if side is not None or me.coordinates(one.pair.programme):
            return side
    raise NotFound(f"{what}_not_found", f"there is no {what} with this id")


async def coordinated(store: MentoringRepository, me: Principal, programme: str) -> None:
    require_coordinator(me, await store.policy(programme), programme)


def check(one: Request | Relationship, expected: int | None) -> None:
    version = one.shown_version if isinstance(one, Relationship) else one.version
    if expected is not None and version != expected:
        raise VersionMismatch(found=version, expected=expected)
