"""Moves the sign-ins of an institution's members from one issuer to another.

Each account names its member, by the subject at the old issuer or by e-mail address, and the subject at the new one.
Moving the same accounts again changes nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.members.domain import members as domain
from services.profiles.members.domain.members import Member
from shared.auth import subject_hash
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import Conflict
from shared.retries import retried_when_stale

Outcome = Literal["moved", "moved_before", "unknown", "without_sign_in", "taken", "repeated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    line: int
    """In the file."""
    old: str
    """The subject at the old issuer, or the member's e-mail address."""
    subject: str
    """At the new issuer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerMove:
    institution: str
    old: str
    new: str
    by_email: bool

    def old_sign_in(self, account: Account) -> str:
        return subject_hash(self.old, account.old)

    def new_sign_in(self, account: Account) -> str:
        return subject_hash(self.new, account.subject)


class SignInRepository(Protocol):
    async def find_signed_in(self, institution: str, subject_hash: str) -> Versioned[Member] | None: ...

    async def find_by_email(self, institution: str, email: str) -> Versioned[Member] | None: ...

    async def rebind(self, before: Versioned[Member], after: Member, payloads: Sequence[Payload], trace: Trace) -> None:
        """Recorded in the audit. Raises `Conflict` if the sign-in belongs to another member."""


class SignInMover:
    def __init__(self, repository: SignInRepository, move: IssuerMove, *, dry_run: bool) -> None:
        self._repository = repository
        self._move = move
        self._dry_run = dry_run

    async def move_all(self, accounts: Sequence[Account], trace: Trace) -> Mapping[int, Outcome]:
        """By line. Of accounts that name the same person, at the old issuer or at the new one, none is moved."""
        olds = Counter(account.old for account in accounts)
        subjects = Counter(account.subject for account in accounts)
        return {
            account.line: "repeated"
            if olds[account.old] > 1 or subjects[account.subject] > 1
            else await self._move_one(account, trace)
            for account in accounts
        }

    @retried_when_stale
    async def _move_one(self, account: Account, trace: Trace) -> Outcome:
        sign_in = self._move.new_sign_in(account)
        holder = await self._repository.find_signed_in(self._move.institution, sign_in)
        before = await self._found(account)
        if before is None:
            return "moved_before" if holder and not self._move.by_email else "unknown"
        if holder is not None:
            return "moved_before" if holder.state.id == before.state.id else "taken"
        if before.state.subject_hash is None:
            return "without_sign_in"
        if not self._dry_run:
            after = replace(before.state, subject_hash=sign_in)
            payloads = changed_facts(domain.facts(before.state), domain.facts(after))
            try:
                await self._repository.rebind(before, after, payloads, trace)
            except Conflict:  # since it was looked for
                return "taken"
        return "moved"

    async def _found(self, account: Account) -> Versioned[Member] | None:
        if self._move.by_email:
            return await self._repository.find_by_email(self._move.institution, account.old)
        return await self._repository.find_signed_in(self._move.institution, self._move.old_sign_in(account))
