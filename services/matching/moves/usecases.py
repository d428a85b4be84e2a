"""A member gets a code at the institution that they leave, and enters it with their sign-in at the new one."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.matching.kernel.pairs import Party
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.usecases.parties import SignIns, require_member
from services.matching.moves import domain
from services.matching.moves.domain import LASTS, MoveCode, Moved, StayReason
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale

Decide = Callable[[Relationship, Situation], Moved | StayReason]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one relationship of the former member."""

    relationship: str
    continued_as: str | None
    """None where it stays."""
    reason: StayReason | None = None


class MoveRepository(SignIns, Protocol):
    async def add(self, code: MoveCode) -> None:
        """Replaces an earlier code of the same member."""

    async def find(self, code_hash: str) -> MoveCode | None: ...

    async def take(self, code: MoveCode, new: Party) -> bool:
        """Whether this member is the first to enter the code, or the same again."""

    async def open_relationships(self, member: Party) -> Sequence[str]: ...

    async def move(
        self, code: MoveCode, new: Party, relationship: str, decide: Decide, trace: Trace
    ) -> StayReason | None:
        """Decides and saves in one transaction; None where the relationship moved, or is not open any more. Raises
        `StaleVersion`.
        """

    async def moved(self, code: MoveCode) -> Mapping[str, str]:
        """What continues the relationships that moved with this code, by relationship."""


class Moves:
    def __init__(self, repository: MoveRepository, clock: Clock, *, new_code: Callable[[], str]) -> None:
        self._repository = repository
        self._clock = clock
        self._new_code = new_code

    async def issue(self, me: Principal) -> IssuedCode:
        """The code is shown this once. A person who has it can continue the mentoring, and read what belongs to it."""
        former = Party(member=await require_member(self._repository, me), institution=me.home)
        code, expires_at = self._new_code(), self._clock.now() + LASTS
        await self._repository.add(MoveCode(code_hash=_hash(code), former=former, expires_at=expires_at))
        return IssuedCode(code=code, expires_at=expires_at)

    async def enter(self, me: Principal, code: str, trace: Trace) -> list[Outcome]:
        """Each relationship in a transaction of its own: entered again, the code takes along what stayed before."""
        new = Party(member=await require_member(self._repository, me), institution=me.home)
        found = await self._repository.find(_hash(code.strip()))
        if found is None or found.expires_at <= self._clock.now():
            raise _unknown()
        if found.former == new:
            raise Conflict("own_code", "this is your own code: enter it with your sign-in at the new institution")
        if found.former.institution == new.institution:
            raise Conflict("same_institution", "this code is for a move to another institution, and comes from yours")
        if not await self._repository.take(found, new):
            raise _unknown()
        stay = {
            relationship: await self._move(found, new, relationship, trace)
            for relationship in await self._repository.open_relationships(found.former)
        }
        moved = await self._repository.moved(found)
        return [
            *(Outcome(relationship=before, continued_as=after) for before, after in moved.items()),
            *(Outcome(relationship=each, continued_as=None, reason=reason) for each, reason in stay.items() if reason),
        ]

    async def _move(self, code: MoveCode, new: Party, relationship: str, trace: Trace) -> StayReason | None:
        now, id = self._clock.now(), self._clock.new_id()

        def decide(known: Relationship, situation: Situation) -> Moved | StayReason:
            return domain.move(known, former=code.former, new=new, id=id, situation=situation, now=now)

        return await retried_when_stale(self._repository.move)(code, new, relationship, decide, trace)


def _unknown() -> NotFound:
    return NotFound(
        "move_code_not_found",
        f"there is no such code, or its {LASTS.days} days are over: get a new one with your sign-in at the institution "
        "that you leave",
    )


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
