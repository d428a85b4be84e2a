"""The versions of an agreement, its state, and which command moves it where."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.mentorships.agreements.domain.clauses import Language, Terms
from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import OfPair, Pair, Side
from shared.errors import NotFound, VersionMismatch

State = Literal["none", "proposed", "in_force", "change_proposed"]
MACHINE = StateMachine(
    name="agreement",
    initial=("none",),
    moves={
        "draft": {"none": "proposed"},
        "propose": {"proposed": "proposed", "in_force": "change_proposed", "change_proposed": "change_proposed"},
        "sign": {"proposed": "proposed", "change_proposed": "change_proposed"},
        "countersign": {"proposed": "in_force", "change_proposed": "in_force"},
        "withdraw": {"proposed": "none", "change_proposed": "in_force"},
    },
)
"""`countersign` is the second signature of the same version."""
MAX_VERSIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    number: int
    by: Side
    proposed_at: datetime
    language: Language
    terms: Terms
    changes: tuple[str, ...]
    """Names of the clauses and terms that differ from the version before; empty for the first."""
    saved_as: int
    """The agreement's `version` that brought this one: a caller who knows an older one has not seen it."""
    mentee_signed_at: datetime | None = None
    mentor_signed_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def signed_at(self, side: Side) -> datetime | None:
        return self.mentee_signed_at if side == "mentee" else self.mentor_signed_at

    @property
    def in_force_since(self) -> datetime | None:
        if self.mentee_signed_at is None or self.mentor_signed_at is None:
            return None
        return max(self.mentee_signed_at, self.mentor_signed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement(OfPair):
    id: str
    mentorship: str
    pair: Pair
    state: State = "none"
    version: int = 0
    """0 while nothing is drafted."""
    versions: tuple[Version, ...] = ()
    is_paused: bool = False
    """Follows the mentorship: nobody is reminded meanwhile."""
    is_over: bool = False
    reviewed: int = 0
    """The version of whose review date both were reminded."""
    due_at: datetime | None = None

    @property
    def newest(self) -> Version | None:
        """The open proposal, else the version in force."""
        return self.proposal or self.in_force

    @property
    def in_force(self) -> Version | None:
        return next((version for version in reversed(self.versions) if version.in_force_since is not None), None)

    @property
    def proposal(self) -> Version | None:
        last = self.versions[-1] if self.versions else None
        is_open = last is not None and last.in_force_since is None and last.withdrawn_at is None
        return last if is_open else None

    def numbered(self, number: int) -> Version:
        if not 1 <= number <= len(self.versions):
            raise NotFound("agreement_version_not_found", f"this agreement has no version {number}")
        return self.versions[number - 1]


class AgreementChanged(VersionMismatch):
    """The caller decided on an older agreement; says which clauses and terms are new, never their text."""

    def __init__(self, agreement: Agreement, *, expected: int) -> None:
        super().__init__(found=agreement.version, expected=expected)
        unseen = [version for version in agreement.versions if version.saved_as > expected]
        changes = (
            "; ".join(_described(version) for version in unseen) or "a signature was added, or a proposal withdrawn"
        )
        self.args = (f"the agreement has changed since you read it: {changes}. Load it again and repeat your change",)


def _described(version: Version) -> str:
    what = ", ".join(version.changes) or "a draft"
    return f"version {version.number} by the {version.by} ({what})"
