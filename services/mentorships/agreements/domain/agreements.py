"""The agreement of two people about their mentorship: versions, of which both sign the same. Pure decisions.

Only the newest version can be signed, so at most one proposal is open. A version is in force when both have signed it,
and until both have signed a newer one. Who proposed a version may withdraw it until the other has signed it. The texts
of a version are stored apart from it.

On the review date of the version in force both are reminded of it, once; during a pause they are not, but after it.
"""

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
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
from services.mentorships.agreements.domain.states import (
    MACHINE,
    MAX_VERSIONS,
    Agreement,
    AgreementChanged,
    Version,
)
from services.mentorships.agreements.domain.templates import Template
from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.domain import Mentorship
from shared.contracts.mentorships import (
    AgreementInForce,
    AgreementProposed,
    AgreementReviewDue,
    AgreementSigned,
    AgreementWithdrawn,
)
from shared.errors import Conflict, FieldError, Forbidden, Rejected

Possible = Literal["draft", "propose", "sign", "withdraw"]

_REVIEW_TIME = time(12, tzinfo=UTC)
"""Noon in UTC: the review date has begun nearly everywhere, and is over nowhere."""


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
    other: Side = "mentor" if side == "mentee" else "mentee"
    refused = set()
    if proposal is not None and proposal.signed_at(side) is not None:
        refused.add("sign")
    if proposal is not None and (proposal.by != side or proposal.signed_at(other) is not None):
        refused.add("withdraw")
    return tuple(command for command in allowed if command not in refused)


def draft(
    agreement: Agreement, mentorship: Mentorship, template: Template, *, principles: str, by: Side, now: datetime
) -> Proposed:
    """The first version, from the programme's template and with the mentor's own principles."""
    _require_open(mentorship)
    MACHINE.after(agreement.state, "draft")
    _require_room(agreement)
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
    newest, terms = agreement.newest, change.terms
    assert newest is not None  # noqa: S101 -- in each state that allows a change
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
    _require_newest(agreement, signed)
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


def withdraw(agreement: Agreement, mentorship: Mentorship, *, number: int, by: Side, now: datetime) -> Signed | None:
    """By who proposed it, until the other signs. The version in force stays; without one a new draft is possible. None
    where it is withdrawn already.
    """
    found = agreement.numbered(number)
    if found.by != by:
        raise Forbidden("other_proposal", "only the person who proposed a version can withdraw it")
    if found.withdrawn_at is not None:
        return None
    _require_open(mentorship)
    _require_newest(agreement, found)
    if found.signed_at("mentor" if by == "mentee" else "mentee") is not None:
        raise Conflict("agreement_version_signed", "the other person has signed it: sign it too, or propose a change")
    state = MACHINE.after(agreement.state, "withdraw")
    versions = (*agreement.versions[:-1], replace(found, withdrawn_at=now))
    after = _next(agreement, state=state, versions=versions)
    recipients = (agreement.pair.across(by).as_recipient,)
    return Signed(
        agreement=Decided(
            state=after, event=AgreementWithdrawn(number=number, by=by, recipients=recipients, **_about(after))
        )
    )


def follow(agreement: Agreement, mentorship: Mentorship) -> Decided[Agreement] | None:
    """Stops reminders during a pause and after the end. None where nothing changes."""
    if (agreement.is_paused, agreement.is_over) == (mentorship.is_paused, not mentorship.is_open):
        return None
    return Decided(state=_next(agreement, is_paused=mentorship.is_paused, is_over=not mentorship.is_open))


def continue_elsewhere(agreement: Agreement, mentorship: Mentorship, *, id: str) -> Agreement:
    """The same versions and signatures, for the mentorship that continues this one's."""
    same = replace(agreement, id=id, mentorship=mentorship.id, pair=mentorship.pair, is_paused=mentorship.is_paused)
    return replace(same, due_at=_due_at(same))


def pass_time(agreement: Agreement, now: datetime) -> Decided[Agreement] | None:
    """Reminds both on the review date."""
    if agreement.due_at is None or agreement.due_at > now or agreement.in_force is None:
        return None
    number = agreement.in_force.number
    after = _next(agreement, reviewed=number)
    return Decided(state=after, event=AgreementReviewDue(number=number, recipients=after.pair.both, **_about(after)))


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


def _require_newest(agreement: Agreement, version: Version) -> None:
    """Raises `Conflict` for a version that was withdrawn, or replaced by a newer one."""
    newest = agreement.newest
    if version.withdrawn_at is not None or newest is None:
        raise Conflict(
            "agreement_version_withdrawn", f"version {version.number} is not open any more: propose a new one"
        )
    if version != newest:
        raise Conflict(
            "agreement_version_replaced",
            f"version {version.number} was replaced: read version {newest.number}, and sign that one",
        )


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
    state = MACHINE.after(agreement.state, command)
    after = _next(agreement, state=state, versions=(*agreement.versions, new))
    recipients = (agreement.pair.across(by).as_recipient,)
    event = AgreementProposed(number=new.number, by=by, recipients=recipients, **_about(after))
    return Decided(state=after, event=event)


def _with_signature(agreement: Agreement, *, by: Side, command: str, now: datetime) -> Agreement:
    *earlier, newest = agreement.versions
    signature: dict[str, Any] = {f"{by}_signed_at": now}
    state = MACHINE.after(agreement.state, command)
    return _next(agreement, state=state, versions=(*earlier, replace(newest, **signature)))


def _next(agreement: Agreement, **changed: Any) -> Agreement:
    after = replace(agreement, version=agreement.version + 1, **changed)
    return replace(after, due_at=_due_at(after))


def _due_at(agreement: Agreement) -> datetime | None:
    in_force = agreement.in_force
    if in_force is None or in_force.number == agreement.reviewed or agreement.is_paused or agreement.is_over:
        return None
    return datetime.combine(in_force.terms.review_on, _REVIEW_TIME)


def _about(agreement: Agreement) -> dict[str, Any]:
    pair = agreement.pair
    return {
        "agreement": agreement.id,
        "mentorship": agreement.mentorship,
        "programme": pair.programme,
        "mentee": pair.mentee.as_recipient,
        "mentor": pair.mentor.as_recipient,
    }
