"""What the use cases need kept. Every method takes the institution, so that no query can be made without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from services.profiles.institutions.domain import Institution
from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.programmes.domain import Programme
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.contracts.profiles import Role, Stage, Status
from shared.scope import Scope

S = TypeVar("S")


class Keeps(Protocol[S]):
    async def find(self, institution: str, id: str) -> Versioned[S] | None: ...

    async def has_added(self, request: str) -> bool:
        """Whether this request has added something already: it is sent again after a crash."""

    async def add(self, state: S, told: Sequence[Payload], trace: Trace, *, request: str) -> Versioned[S]:
        """Where this request has added it already: what it returned then. Raises `Conflict` for a taken id."""

    async def save(self, before: Versioned[S], after: S, told: Sequence[Payload], trace: Trace) -> Versioned[S]:
        """Raises `StaleVersion` when somebody was faster."""


class Institutions(Keeps[Institution], Protocol):
    async def page(self, after: str | None, limit: int) -> Sequence[Versioned[Institution]]:
        """For operators: every institution."""

    async def partners(self, institution: str, ids: Sequence[str]) -> Sequence[str]:
        """Which of these the institution names in `exchanges_with`, and are named back."""


class Programmes(Keeps[Programme], Protocol):
    async def find_any(self, id: str) -> Versioned[Programme] | None:
        """For operators: of any institution."""

    async def page(self, institution: str | None, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        """Those that the institution owns or that admit it; None (operators): all."""

    async def naming(self, institution: str, after: str | None, limit: int) -> Sequence[Versioned[Programme]]:
        """Other institutions' that name this one, whatever it has answered."""

    async def named(self, ids: Sequence[str], admitting: str, owners: Sequence[str] = ()) -> Sequence[Programme]:
        """Those of these that admit the institution, or are owned by one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters of a list of members; None does not filter."""

    status: Status | None = None
    programme: str | None = None
    role: Role | None = None
    specialty: str | None = None
    stage: Stage | None = None
    external_id: str | None = None
    email: str | None = None
    name_words: tuple[str, ...] = ()
    """Each the beginning of a word of the name, as `domain.searching.words` writes words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    code_hash: str
    institution: str
    member: str
    expires_at: datetime
    used_at: datetime | None = None


class Members(Keeps[Member], Protocol):
    async def find_signed_in(self, institution: str, subject_hash: str) -> Versioned[Member] | None: ...

    async def naming(self, institution: str, after: str | None, limit: int) -> Sequence[Versioned[Member]]:
        """Other institutions' members whom these affiliate with this one, whatever it has answered."""

    async def find_naming(self, institution: str, id: str) -> Versioned[Member] | None: ...

    async def find_within(self, scope: Scope, id: str) -> Versioned[Member] | None:
        """Enrolled in a programme that the scope covers."""

    async def page(self, scope: Scope, wanted: Wanted, after: str | None, limit: int) -> Sequence[Versioned[Member]]:
        """As `find_within`. Filters compare enrolments in scope only. Raises `Rejected` where too many names match."""

    async def invite(self, invitation: Invitation) -> None:
        """In place of whatever invitation of the member was open."""

    async def invitation(self, institution: str, code_hash: str) -> Invitation | None: ...

    async def invitations_of(self, institution: str, member: str) -> Sequence[Invitation]: ...

    async def accept(
        self,
        invitation: Invitation,
        before: Versioned[Member],
        after: Member,
        told: Sequence[Payload],
        trace: Trace,
    ) -> Versioned[Member]:
        """Raises `Conflict` if the invitation was used meanwhile, or the sign-in belongs to another member."""
