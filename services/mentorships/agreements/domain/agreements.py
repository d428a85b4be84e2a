"""The agreement of two people about their mentorship: versions, of which both sign the same. Pure decisions.

Only the newest version can be signed, so at most one proposal is open. A version is in force when both have signed it,
and until both have signed a newer one. The texts of a version are stored apart from it.
"""

import calendar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from services.mentorships.agreements.domain.clauses import (
    MAX_LENGTH_MONTHS,
    Clause,
    ClauseName,
    Clauses,
    Language,
    Terms,
    Texts,
    changed_clauses,
    changed_terms,
    rewritten,
)
from services.mentorships.agreements.domain.templates import Template
from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import Decided, Pair, Side
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.domain import Mentorship
from shared.contracts.mentorships import AgreementInForce, AgreementProposed, AgreementSigned
from shared.errors import Conflict, FieldError, Forbidden, NotFound, Rejected, VersionMismatch

State = Literal["none", "proposed", "in_force", "change_proposed"]
MACHINE = StateMachine(
    name="agreement",
    initial=("none",),
    moves={
        "draft": {"none": "proposed"},
        "propose": {"proposed": "proposed", "in_force": "change_proposed", "change_proposed": "change_proposed"},
        "sign": {"proposed": "proposed", "change_proposed": "change_proposed"},
        "countersign": {"proposed": "in_force", "change_proposed": "in_force"},
    },
)
"""`countersign` is the second signature of the same version."""
Possible = Literal["draft", "propose", "sign"]
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

    def signed_at(self, side: Side) -> datetime | None:
        return self.mentee_signed_at if side == "mentee" else self.mentor_signed_at

    @property
    def in_force_since(self) -> datetime | None:
        if self.mentee_signed_at is None or self.mentor_signed_at is None:
            return None
        return max(self.mentee_signed_at, self.mentor_signed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    id: str
    mentorship: str
    pair: Pair
    state: State = "none"
    version: int = 0
    """0 while nothing is drafted."""
    versions: tuple[Version, ...] = ()
    due_at: datetime | None = None

    @property
    def newest(self) -> Version | None:
        return self.versions[-1] if self.versions else None

    @property
    def in_force(self) -> Version | None:
        return next((version for version in reversed(self.versions) if version.in_force_since is not None), None)

    @property
    def proposal(self) -> Version | None:
        return None if self.newest is None or self.newest.in_force_since is not None else self.newest

    def numbered(self, number: int) -> Version:
        if not 1 <= number <= len(self.versions):
            raise NotFound("agreement_version_not_found", f"this agreement has no version {number}")
        return self.versions[number - 1]


class AgreementChanged(VersionMismatch):
    """The caller decided on an older agreement; says which clauses and terms are new, never their text."""

    def __init__(self, agreement: Agreement, *, expected: int) -> None:
        super().__init__(found=agreement.version, expected=expected)
        unseen = [version for version in agreement.versions if version.saved_as > expected]
        changes = "; ".join(_described(version) for version in unseen) or "a signature was added or is missing"
        self.args = (f"the agreement has changed since you read it: {changes}. Load it again and repeat your change",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    texts: Texts
    """Of the clauses that change."""
    terms: Terms
    expected: int
    """The agreement's `version` on which the caller decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    agreement: Decided[Agreement]
    clauses: Clauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    agreement: Decided[Agreement]
    mentorship: Decided[Mentorship] | None = None
    """What the agreement makes of the mentorship, where it is in force now."""


def possible(agreement: Agreement, mentorship: Mentorship, side: Side) -> tuple[Possible, ...]:
    """What this side can do."""
    if not lifecycle.MACHINE.allows(mentorship.state, "agree"):
        return ()
    allowed = (command for command in get_args(Possible) if MACHINE.allows(agreement.state, command))
    proposal = agreement.proposal
    is_signed = proposal is not None and proposal.signed_at(side) is not None
    return tuple(command for command in allowed if command != "sign" or not is_signed)


def draft(
    agreement: Agreement, mentorship: Mentorship, template: Template, *, principles: str, by: Side, now: datetime
) -> Proposed:
    """The first version, from the programme's template and with the mentor's own principles."""
    _require_open(mentorship)
    MACHINE.after(agreement.state, "draft")
    clauses: dict[ClauseName, Clause] = {
        name: Clause(text=text, by="programme") for name, text in template.texts.items()
    }
    if principles:
        clauses["principles"] = Clause(text=principles, by="mentor")
    terms = Terms(
        interval_days=template.interval_days,
        length_months=template.length_months,
        review_on=months_later(now, template.review_months).date(),
    )
    decided = _with_version(agreement, terms, language=template.language, changes=(), command="draft", by=by, now=now)
    return Proposed(agreement=decided, clauses=clauses)


def propose(
    agreement: Agreement,
    mentorship: Mentorship,
    before: Clauses,
    change: Change,
    *,
    by: Side,
    now: datetime,
) -> Proposed:
    """A new version, in place of an open proposal. `before` are the clauses of the newest version."""
    _require_open(mentorship)
    MACHINE.after(agreement.state, "propose")
    newest, terms = agreement.versions[-1], change.terms
    if agreement.version != change.expected:
        raise AgreementChanged(agreement, expected=change.expected)
    _require_room(agreement)
    _require_possible(terms, now)
    clauses = rewritten(before, change.texts, by=by)
    changes = (*changed_clauses(before, clauses), *changed_terms(_continued(newest), terms))
    if not changes:
        raise Conflict("agreement_unchanged", f"version {newest.number} says the same already: sign it, or change it")
    if by != "mentor" and "principles" in changes:
        raise Forbidden("principles_refused", "only the mentor can change the mentor's own principles")
    decided = _with_version(
        agreement, terms, language=newest.language, changes=changes, command="propose", by=by, now=now
    )
    return Proposed(agreement=decided, clauses=clauses)


def sign(agreement: Agreement, mentorship: Mentorship, *, number: int, by: Side, now: datetime) -> Signed | None:
    """None where the caller has signed this version already."""
    signed = agreement.numbered(number)
    if agreement.newest != signed:
        current = len(agreement.versions)
        raise Conflict(
            "agreement_version_replaced", f"version {number} was replaced: read version {current}, and sign that one"
        )
    if signed.signed_at(by) is not None:
        return None
    _require_open(mentorship)
    other: Side = "mentor" if by == "mentee" else "mentee"
    if signed.signed_at(other) is None:
        after = _with_signature(agreement, by=by, command="sign", now=now)
        recipients = (agreement.pair.party(other).as_recipient,)
        event = AgreementSigned(number=number, by=by, recipients=recipients, **_about(after))
        return Signed(agreement=Decided(state=after, event=event))
    return _countersign(agreement, mentorship, by=by, now=now)


def _countersign(agreement: Agreement, mentorship: Mentorship, *, by: Side, now: datetime) -> Signed:
    after = _with_signature(agreement, by=by, command="countersign", now=now)
    terms, earlier = after.versions[-1].terms, agreement.in_force
    ends_at = _ends_at(terms, earlier.terms if earlier else None, mentorship, now)
    event = AgreementInForce(
        number=len(after.versions),
        ends_at=ends_at,
        interval_days=terms.interval_days,
        recipients=after.pair.both,
        **_about(after),
    )
    return Signed(
        agreement=Decided(state=after, event=event),
        mentorship=lifecycle.agree(mentorship, ends_at=ends_at, interval_days=terms.interval_days, now=now),
    )


def _continued(version: Version) -> Terms:
    """The terms of a version in force have taken effect: nothing starts again unless a new version says so."""
    return version.terms if version.in_force_since is None else replace(version.terms, starts_again=False)


def _ends_at(terms: Terms, earlier: Terms | None, mentorship: Mentorship, now: datetime) -> datetime:
    """A period that continues keeps the days by which pauses have moved its end. It never ends without a notice."""
    if earlier is None or mentorship.ends_at is None or terms.starts_again:
        return months_later(now, terms.length_months)
    return max(months_later(mentorship.ends_at, terms.length_months - earlier.length_months), now + lifecycle.NOTICE)


def months_later(moment: datetime, months: int) -> datetime:
    """The same day of a later (or earlier) month, or that month's last day."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _require_open(mentorship: Mentorship) -> None:
    """Raises `Conflict` with the mentorship's state where no agreement is possible any more."""
    lifecycle.MACHINE.after(mentorship.state, "agree")


def _require_room(agreement: Agreement) -> None:
    if len(agreement.versions) >= MAX_VERSIONS:
        raise Conflict("agreement_versions_used_up", f"an agreement has at most {MAX_VERSIONS} versions")


def _require_possible(terms: Terms, now: datetime) -> None:
    last = months_later(now, MAX_LENGTH_MONTHS).date() + timedelta(days=1)
    if not now.date() < terms.review_on <= last:
        wrong = FieldError("review_on", f"must be a date after today, and not later than {last.isoformat()}")
        raise Rejected("agreement_invalid", "the version was not saved: see errors", (wrong,))


def _with_version(
    agreement: Agreement,
    terms: Terms,
    *,
    language: Language,
    changes: tuple[str, ...],
    command: Literal["draft", "propose"],
    by: Side,
    now: datetime,
) -> Decided[Agreement]:
    new = Version(
        number=len(agreement.versions) + 1,
        by=by,
        proposed_at=now,
        language=language,
        terms=terms,
        changes=changes,
        saved_as=agreement.version + 1,
    )
    after = _next(agreement, command, versions=(*agreement.versions, new))
    recipients = (agreement.pair.across(by).as_recipient,)
    event = AgreementProposed(number=new.number, by=by, recipients=recipients, **_about(after))
    return Decided(state=after, event=event)


def _with_signature(agreement: Agreement, *, by: Side, command: str, now: datetime) -> Agreement:
    *earlier, newest = agreement.versions
    signature: dict[str, Any] = {f"{by}_signed_at": now}
    return _next(agreement, command, versions=(*earlier, replace(newest, **signature)))


def _next(agreement: Agreement, command: str, *, versions: tuple[Version, ...]) -> Agreement:
    state: Any = MACHINE.after(agreement.state, command)
    return replace(agreement, state=state, version=agreement.version + 1, versions=versions)


def _described(version: Version) -> str:
    what = ", ".join(version.changes) or "the first draft"
    return f"version {version.number} by the {version.by} ({what})"


def _about(agreement: Agreement) -> dict[str, Any]:
    pair = agreement.pair
    return {
        "agreement": agreement.id,
        "mentorship": agreement.mentorship,
        "programme": pair.programme,
        "mentee": pair.mentee.as_recipient,
        "mentor": pair.mentor.as_recipient,
    }
