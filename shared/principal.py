"""The principal of a request: its institution, roles and programmes, as a verified token states them."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal, get_args

from shared.errors import Forbidden
from shared.scope import Scope

Role = Literal["member", "coordinator", "institution_coordinator", "integrator", "operator"]
ROLES: frozenset[str] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The person or system that sends a request. An operator may have no institution."""

    subject_hash: str
    institution: str | None
    roles: frozenset[str]
    programmes: frozenset[str] | None = None
    """The programmes in the token; None without the claim. Read it through `scope` and the methods below."""
    expires: float = field(default=inf, compare=False)
    """When the token expires, in seconds since 1970: a streamed answer must not outlive it."""

    def require(self, *roles: Role) -> None:
        """Raises `Forbidden` without any of these roles. `coordinator` includes both kinds of coordinator, but not a
        coordinator without programmes.
        """
        if not (self.roles - {"coordinator"}) & set(roles) and not ("coordinator" in roles and self.is_coordinator):
            raise Forbidden("role_required", f"this needs the role {' or '.join(map(_described, roles))}")

    @property
    def home(self) -> str:
        """The principal's institution, to which every query is limited. Raises `Forbidden` where there is none."""
        if self.institution is None:
            raise Forbidden("institution_required", "your token names no institution: sign in with one that does")
        return self.institution

    @property
    def scope(self) -> Scope:
        """What a coordinator or an integrator may access. An integrator without a programmes claim has access to the
        whole institution.
        """
        is_integrator = "integrator" in self.roles and "coordinator" not in self.roles
        is_whole = self.coordinates_institution or (is_integrator and self.programmes is None)
        is_limited = is_integrator or "coordinator" in self.roles
        named = self.programmes if is_limited and not is_whole else None
        return Scope(institution=self.home, is_whole=is_whole, programmes=named or frozenset())

    @property
    def coordinates_institution(self) -> bool:
        return "institution_coordinator" in self.roles

    @property
    def is_coordinator(self) -> bool:
        """Whether the principal coordinates the institution or at least one programme."""
        return self.coordinates_institution or ("coordinator" in self.roles and bool(self.programmes))

    def coordinates(self, programme: str) -> bool:
        return self.is_coordinator and self.scope.covers(programme)


def _described(role: Role) -> str:
    if role == "coordinator":
        return "institution_coordinator, or coordinator with the programmes in its claim,"
    return role
