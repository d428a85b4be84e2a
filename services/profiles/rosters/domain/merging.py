"""Merges a chunk of rows into known members. Pure: the same rows and members give the same outcomes.

A person is recognized by external id, else by e-mail address. A row replaces a member's value only if that value is
still the one of the last roster, or was never set, or the mapping declares the field authoritative. A roster of named
programmes changes no member outside them, and of a member who is in other programmes too only the enrolments.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Literal

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.domain.fields import given
from services.profiles.members.domain import members
from services.profiles.members.domain.members import Member
from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.reading import Row
from shared.contracts.profiles import Enrolment
from shared.scope import Scope
from shared.spreadsheets.verdicts import Reason

Verdict = Literal["created", "updated", "unchanged", "refused"]
_ABSENT = object()
_OUTSIDE = (
    "cannot be imported with this e-mail address and external_id: check both, or ask a coordinator of the institution"
)
"""One message for every conflict outside the roster's programmes: it does not reveal who has the value."""
_INACTIVE = Reason(
    "",
    "is inactive and stays so: import the file with `reactivate`, or reactivate the member, whose profile has this "
    "row's values",
)
_REACTIVATED = Reason("", "was inactive and is active again")
_DEFAULTS = {field.name: field.default for field in fields(Member) if field.default is not MISSING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    line: int
    verdict: Verdict
    member: str | None = None
    reasons: tuple[Reason, ...] = ()
    """Of a row that is not refused: what the coordinator should know."""
    kept: tuple[str, ...] = ()
    """Fields where the member's own later value stays."""
    before: Versioned[Member] | None = None
    after: Member | None = None
    """Set if there is something to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A roster, and what it may change."""

    roster: str
    scope: Scope
    authoritative: frozenset[str]
    closed: frozenset[str] = frozenset()
    """Programmes that no member can join any more: they closed after the file was received."""
    reactivate: bool = False
    same_person: frozenset[str] = frozenset()
    """New staff numbers of which the coordinator says that they belong to the member with the row's address."""

    def confirming(self, number: str | None) -> "Import":
        """With the staff number authoritative, if the coordinator has confirmed this one."""
        if number not in self.same_person:
            return self
        return replace(self, authoritative=self.authoritative | {"external_id"})


def merge(
    rows: Iterable[Row],
    known: Sequence[Versioned[Member]],
    job: Import,
    *,
    new_id: Callable[[], str],
    taken: Mapping[int, str],
) -> list[Outcome]:
    """`taken`: reasons by line, for rows that the repository has refused."""
    rows = list(rows)
    people = _People(known, [row for row in rows if row.line not in taken], job)
    outcomes = []
    for row in rows:
        if row.profile is None:
            outcomes.append(Outcome(line=row.line, verdict="refused", reasons=row.reasons))
        elif row.line in taken:
            outcomes.append(_refused(row, taken[row.line] if job.scope.is_whole else _OUTSIDE))
        else:
            outcomes.append(_unless_closed(row, people.take(row, row.profile, job, new_id), job))
    return outcomes


def with_remark(outcome: Outcome, nearest: Sequence[str] | None) -> Outcome:
    """`nearest`: of a specialty that the network's vocabulary does not have, the most similar ones; None of others."""
    if nearest is None or outcome.verdict == "refused":
        return outcome
    similar = f"; similar: {', '.join(nearest)}" if nearest else ""
    message = f"is not in the network's vocabulary, and fits only people with the same word{similar}"
    return replace(outcome, reasons=(*outcome.reasons, Reason("specialty", message)))


class _People:
    """The members whom a chunk's rows may mean, and on which line each was met."""

    def __init__(self, known: Sequence[Versioned[Member]], rows: Sequence[Row], job: Import) -> None:
        self._by_email = {member.state.email: member for member in known}
        self._by_external_id = {member.state.external_id: member for member in known if member.state.external_id}
        self._met: dict[str, int] = {}
        self._leaving = self._leaving_their_address(rows, job)

    def _leaving_their_address(self, rows: Sequence[Row], job: Import) -> frozenset[str]:
        """The members whose address another row may take, because their own row gives them another one that is free.

        Chains and swaps are judged as a whole: a member who cannot leave keeps those who wait for the address.
        """
        leaving: dict[str, str] = {}
        for row in rows:
            found = self._by_external_id.get(row.profile.external_id or "") if row.profile else None
            if found is None or row.profile is None or row.profile.email == found.state.email:
                continue
            last = found.state.imported.get("fields", {}).get("email", _ABSENT)
            if job.scope.covers_all(found.state.programmes) and _may_write(
                found.state, "email", row.profile.email, last, job
            ):
                leaving[found.state.id] = row.profile.email
        while blocked := {id for id, email in leaving.items() if not self._is_free(email, leaving)}:
            leaving = {id: email for id, email in leaving.items() if id not in blocked}
        return frozenset(leaving)

    def _is_free(self, email: str, leaving: Mapping[str, str]) -> bool:
        owner = self._by_email.get(email)
        return owner is None or owner.state.id in leaving

    def take(self, row: Row, profile: Profile, job: Import, new_id: Callable[[], str]) -> Outcome:
        same_id = self._by_external_id.get(profile.external_id) if profile.external_id else None
        same_email = self._by_email.get(profile.email)
        if same_email and same_email != same_id and profile.external_id and same_email.state.id in self._leaving:
            same_email = None  # without a number the address alone says who a row means
        found = same_id or same_email
        if found is None:
            return _created(row, profile, job, new_id())
        if not all(job.scope.covers_any(member.state.programmes) for member in (same_id, same_email) if member):
            return _refused(row, _OUTSIDE)
        if same_id and same_email and same_id != same_email:
            return _refused(row, "external_id and e-mail address belong to two different members")
        job = job.confirming(profile.external_id)
        if _has_another_number(found.state, profile) and "external_id" not in job.authoritative:
            return _refused(row, _another_number(found.state, profile))
        if met := self._met.get(found.state.id) or _met_before(found.state, job):
            return _refused(row, f"is the same person as line {met}")
        self._met[found.state.id] = row.line
        return _merged(row, profile, job, found)


def _has_another_number(member: Member, profile: Profile) -> bool:
    return bool(profile.external_id) and member.external_id not in {None, profile.external_id}


def _another_number(member: Member, profile: Profile) -> str:
    message = (
        "the e-mail address belongs to a member with another external_id: if it is the same person, import the file "
        "again with the new number under `same_person`"
    )
    if str(member.external_id).lstrip("0") == str(profile.external_id).lstrip("0"):
        return f"{message}. The numbers differ by zeros at the start, which spreadsheets remove: format them as text"
    return message


def _unless_closed(row: Row, outcome: Outcome, job: Import) -> Outcome:
    """Refuses to enrol in a closed programme; members enrolled before stay enrolled."""
    if outcome.after is None:
        return outcome
    joined = outcome.after.programmes - (outcome.before.state.programmes if outcome.before else frozenset())
    if closed := sorted(joined & job.closed):
        return _refused(row, f"these are not active programmes that admit the institution: {', '.join(closed)}")
    return outcome


def _met_before(member: Member, job: Import) -> int | None:
    """The line of the same person in an earlier chunk of the file."""
    return int(member.imported["line"]) if member.imported.get("roster") == job.roster else None


def _created(row: Row, profile: Profile, job: Import, id: str) -> Outcome:
    values = given(profile)
    imported = {**_mark(row, job), "fields": {name: as_stored(value) for name, value in values.items()}}
    member = members.register(id=id, institution=job.scope.institution, given={**values, "imported": imported})
    return Outcome(line=row.line, verdict="created", member=id, after=member)


def _merged(row: Row, profile: Profile, job: Import, found: Versioned[Member]) -> Outcome:
    member = found.state
    is_shared = not job.scope.covers_all(member.programmes)
    last: dict[str, Any] = dict(member.imported.get("fields", {}))
    changes: dict[str, Any] = {}
    kept: list[str] = []
    for name, value in given(profile).items():
        if name == "enrolments":
            value = _joined(member, value, last.get(name, ()), by_force=name in job.authoritative)  # noqa: PLW2901
            last[name] = sorted(set(last.get(name, ())) | set(as_stored(profile.enrolments)))
        elif not is_shared and _may_write(member, name, as_stored(value), last.get(name, _ABSENT), job):
            last[name] = as_stored(value)
        else:
            kept.append(name)
            continue
        changes[name] = value
    after = members.with_answers_kept(replace(member, **changes))
    notes: tuple[Reason, ...] = ()
    if member.status == "inactive":
        is_reactivated = job.reactivate and not is_shared
        notes = (_REACTIVATED if is_reactivated else _INACTIVE,)
        after = members.reactivate(after) if is_reactivated else after
    if after == member and last == member.imported.get("fields", {}):
        return Outcome(line=row.line, verdict="unchanged", member=member.id, reasons=notes, kept=tuple(kept))
    return Outcome(
        line=row.line,
        reasons=notes,
        verdict="unchanged" if after == member else "updated",
        member=member.id,
        kept=tuple(kept),
        before=found,
        after=replace(after, imported={**_mark(row, job), "fields": last}),
    )


def _mark(row: Row, job: Import) -> dict[str, Any]:
    return {"roster": job.roster, "line": row.line}


def _may_write(member: Member, name: str, value: Any, last: Any, job: Import) -> bool:
    current = as_stored(getattr(member, name))
    untouched = current == last or (last is _ABSENT and current == as_stored(_DEFAULTS.get(name, _ABSENT)))
    return name in job.authoritative or untouched or current == value


def _joined(
    member: Member, added: Sequence[Enrolment], last: Sequence[str], *, by_force: bool
) -> tuple[Enrolment, ...]:
    """Adds roles and removes none. A role that a coordinator removed after a roster added it is not added again."""
    roles = {enrolment.programme: set(enrolment.roles) for enrolment in member.enrolments}
    for enrolment in added:
        new = {role for role in enrolment.roles if by_force or f"{enrolment.programme}:{role}" not in last}
        if new:
            roles.setdefault(enrolment.programme, set()).update(new)
    return tuple(Enrolment(programme=programme, roles=tuple(sorted(held))) for programme, held in roles.items())


def as_stored(value: Any) -> Any:
    """A field's value as stored in `imported`: tuples as lists, enrolments as `programme:role`."""
    if isinstance(value, tuple):
        if value and isinstance(value[0], Enrolment):
            return sorted(f"{enrolment.programme}:{role}" for enrolment in value for role in enrolment.roles)
        return list(value)
    return value


def _refused(row: Row, message: str) -> Outcome:
    return Outcome(line=row.line, verdict="refused", reasons=(Reason("", message),))
