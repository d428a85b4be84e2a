"""Who asks, and what they may see: the two people of a mentorship, or a coordinator of its programme."""

from typing import Protocol, TypeVar

from services.mentorships.kernel.pairs import Pair, Side
from shared.auth import Principal
from shared.errors import Forbidden, NotFound


class SignIns(Protocol):
    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        """The active member bound to this sign-in."""


class HasPair(Protocol):
    @property
    def pair(self) -> Pair: ...


P = TypeVar("P", bound=HasPair)


async def require_member(people: SignIns, me: Principal) -> str:
    me.require("member")
    member = await people.signed_in(me.home, me.subject_hash)
    if member is None:
        raise NotFound(
            "member_not_found",
            "your sign-in is not linked to an active member: accept your invitation first, "
            "or ask your coordinator to reactivate your profile",
        )
    return member


async def require_party(people: SignIns, me: Principal, found: P | None, *, what: str) -> tuple[Side, P]:
    """The caller's side, and what was found. Raises `NotFound` for everybody but the two people."""
    member = await require_member(people, me)
    if found is None or (side := found.pair.side_of(member)) is None:
        raise unknown(what)
    return side, found


async def visible_side(people: SignIns, me: Principal, found: HasPair | None, *, what: str) -> Side | None:
    """The caller's side, or None for a coordinator of the programme. Raises `NotFound` for everybody else."""
    me.require("member", "coordinator")
    if found is not None:
        member = await people.signed_in(me.home, me.subject_hash) if "member" in me.roles else None
        side = found.pair.side_of(member) if member is not None else None
        if side is not None or me.coordinates(found.pair.programme):
            return side
    raise unknown(what)


def require_coordinator(me: Principal, programme: str, *, admits: frozenset[str] | None) -> None:
    """`admits`: the programme's institutions; None where the programme is unknown."""
    me.require("coordinator")
    if admits is None or me.home not in admits:
        raise NotFound("programme_not_found", "there is no programme with this id")
    if not me.coordinates(programme):
        raise Forbidden(
            "programme_refused", "your sign-in is limited to other programmes: ask a coordinator of this programme"
        )


def unknown(what: str) -> NotFound:
    return NotFound(f"{what}_not_found", f"there is no {what.replace('_', ' ')} with this id")
