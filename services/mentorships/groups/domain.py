"""A mentoring group: some mentorships of one mentor share one agreement and one series of meetings. Pure decisions.

Each mentorship goes on as it is: the group neither begins nor ends one, and takes no seat. Terms, place and link are in
no event, log or error text. A version of the terms is in force once the mentor and every mentee of the group have
signed it. A group has at least two mentees; with fewer it ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import Decided, Party, People, Side
from services.mentorships.meetings.domain import occurrences
from services.mentorships.meetings.domain.occurrences import CANCELLED, Occurrence
from services.mentorships.meetings.domain.plans import Plan, require_start
from shared.contracts.short_formats import (
    GroupChanged,
    GroupEnded,
    GroupMenteeRemoved,
    GroupMet,
    GroupOpened,
    GroupReminded,
)
from shared.errors import Conflict, FieldError, Forbidden, NotFound, Rejected

State = Literal["forming", "active", "ended"]
MACHINE = StateMachine(
    name="group",
    initial=("forming",),
    moves={
        "propose": {"forming": "forming", "active": "active"},
        "sign": {"forming": "forming", "active": "active"},
        "agree": {"forming": "active", "active": "active"},
        "plan": {"active": "active"},
        "cancel_one": {"active": "active"},
        "hold": {"active": "active"},
        "leave": {"forming": "forming", "active": "active"},
        "remove": {"forming": "forming", "active": "active"},
        "end": {"forming": "ended", "active": "ended"},
    },
)
"""`agree` follows the last signature; `end` is the mentor's, or follows when fewer than two mentees are left."""
Possible = Literal["propose", "sign", "plan", "cancel_one", "hold", "leave", "remove", "end"]
_OF: Mapping[Side, frozenset[str]] = {
    "mentor": frozenset({"propose", "sign", "plan", "cancel_one", "hold", "remove", "end"}),
    "mentee": frozenset({"sign", "hold", "leave"}),
}
LEAST_MENTEES, MOST_MENTEES = 2, 12
REMINDER = timedelta(hours=24)
_MOST_CHANGES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentee:
    """Somebody in the group, by the mentorship that brought them there."""

    mentorship: str
    party: Party
    has_joined: bool = False
    """Whether they have signed once: from then on the others who have see their name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A version of the agreement."""

    number: int
    text: str
    """The mentor's words."""
    signed: tuple[str, ...] = ()
    """By member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    id: str
    programme: str
    mentor: Party
    mentees: tuple[Mentee, ...]
    """Those who are in it."""
    state: State = "forming"
    version: int = 1
    terms: Terms
    """The newest version."""
    in_force: Terms | None = None
    plan: Plan | None = None
    changes: Mapping[str, str] = field(default_factory=dict)
    """Single meetings that were cancelled (`occurrences.Changes`)."""
    held: tuple[str, ...] = ()
    """Ids of meetings."""
    reminded_to: datetime
    """Meetings that begin until then need no reminder any more."""
    sequence: int = 0
    """The SEQUENCE of calendars."""
    changed_at: datetime
    """When the calendar last changed."""
    reason: str | None = None
    due_at: datetime | None = None

    @property
    def parties(self) -> People:
        people = (self.mentor, *(mentee.party for mentee in self.mentees))
        institutions = sorted({person.institution for person in people})
        return People(members=tuple(person.member for person in people), institutions=tuple(institutions))

    @property
    def is_open(self) -> bool:
        return self.state != "ended"

    def side_of(self, member: str) -> Side | None:
        if member == self.mentor.member:
            return "mentor"
        return "mentee" if any(mentee.party.member == member for mentee in self.mentees) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A mentorship that a mentor would bring into a group."""

    mentorship: str
    mentee: Party
    mentor: Party
    programme: str
    is_active: bool
    is_in_group: bool
    """Whether it is in another open group."""


def possible(group: Group, member: str) -> tuple[Possible, ...]:
    side = group.side_of(member)
    if side is None:
        return ()
    allowed = {command for command in _OF[side] if MACHINE.allows(group.state, command)}
    if member in group.terms.signed:
        allowed.discard("sign")
    if group.plan is None:
        allowed -= {"cancel_one", "hold"}
    if len(group.mentees) <= LEAST_MENTEES:
        allowed.discard("remove")
    return tuple(command for command in get_args(Possible) if command in allowed)


def open_group(
    candidates: Sequence[Candidate], *, id: str, mentor: Party, programme: str, text: str, now: datetime
) -> Decided[Group]:
    """The mentor has signed the first version with it."""
    _require_candidates(candidates, mentor, programme)
    new = Group(
        id=id,
        programme=programme,
        mentor=mentor,
        mentees=tuple(Mentee(mentorship=each.mentorship, party=each.mentee) for each in candidates),
        terms=Terms(number=1, text=text, signed=(mentor.member,)),
        reminded_to=now,
        changed_at=now,
    )
    return Decided(state=new, event=GroupOpened(recipients=_mentees(new), **_about(new)))


def propose(group: Group, text: str, *, by: str, now: datetime) -> Decided[Group] | None:
    """A newer version by the mentor, who signs it with that. The version in force holds until all have signed."""
    _require(group, "propose", by)
    if text == group.terms.text:
        return None
    terms = Terms(number=group.terms.number + 1, text=text, signed=(by,))
    return _changed(_next(group, now, terms=terms), "terms_proposed", by=by)


def sign(group: Group, *, number: int, by: str, now: datetime) -> Decided[Group] | None:
    """None where the person has signed this version already."""
    _require(group, "sign", by)
    if number != group.terms.number:
        message = f"this version was replaced: read and sign version {group.terms.number}"
        raise Conflict("group_terms_replaced", message)
    if by in group.terms.signed:
        return None
    terms = replace(group.terms, signed=(*group.terms.signed, by))
    mentees = tuple(replace(each, has_joined=each.has_joined or each.party.member == by) for each in group.mentees)
    signed = _agreed(_next(group, now, terms=terms, mentees=mentees), now)
    is_in_force = signed.in_force == terms
    return _changed(signed, "terms_in_force", by=by) if is_in_force else Decided(state=signed)


def plan_meetings(group: Group, plan: Plan, *, by: str, now: datetime) -> Decided[Group]:
    """Replaces the plan. Meetings so near that this is the reminder are not reminded of."""
    _require(group, "plan", by)
    require_start(plan, now=now)
    after = _next(group, now, plan=plan, changes={}, reminded_to=now + REMINDER, **_shown(group, now))
    return _changed(after, "meetings_planned", by=by)


def cancel_one(group: Group, id: str, *, by: str, now: datetime) -> Decided[Group] | None:
    _require(group, "cancel_one", by)
    if group.changes.get(id) == CANCELLED:
        return None
    if _meeting(group, id).starts_at <= now:
        raise Conflict("meeting_begun", "this meeting has begun: say that it was held")
    if len(group.changes) >= _MOST_CHANGES:
        raise Conflict("too_many_changes", "too many single meetings were cancelled: plan the meetings again")
    after = _next(group, now, changes={**group.changes, id: CANCELLED}, **_shown(group, now))
    return _changed(after, "meeting_cancelled", by=by)


def hold(group: Group, id: str, *, by: str, now: datetime) -> Decided[Group] | None:
    """By anybody in the group, from the start of the meeting on. Its minutes are hours that the mentor gave, once."""
    _require(group, "hold", by)
    if id in group.held:
        return None
    found = _meeting(group, id)
    if found.starts_at > now:
        raise Conflict("meeting_not_begun", "this meeting has not taken place yet: say so once it has begun")
    after = _next(group, now, held=(*group.held, id))
    return Decided(
        state=after, event=GroupMet(starts_at=found.starts_at, minutes=_plan(group).minutes, **_about(after))
    )


def leave(group: Group, member: str, *, now: datetime) -> Decided[Group]:
    """A mentee leaves, by their own choice or because their mentorship has ended. It goes on otherwise."""
    MACHINE.after(group.state, "leave")
    mentees = tuple(mentee for mentee in group.mentees if mentee.party.member != member)
    if len(mentees) == len(group.mentees):
        raise Forbidden("mentee_only", "a mentee leaves the group; the mentor ends it")
    if len(mentees) < LEAST_MENTEES:
        return _ended(replace(group, mentees=mentees), reason="too_few", now=now)
    return _changed(_agreed(_next(group, now, mentees=mentees), now), "mentee_left", by=member)


def remove(group: Group, member: str, *, by: str, now: datetime) -> Decided[Group] | None:
    """The mentor takes out a mentee, for example one who does not sign. None for who is not in the group (any more)."""
    _require(group, "remove", by)
    removed = next((mentee.party for mentee in group.mentees if mentee.party.member == member), None)
    if removed is None:
        return None
    if len(group.mentees) <= LEAST_MENTEES:
        raise Conflict("group_too_small", f"a group has at least {LEAST_MENTEES} mentees: end it instead")
    mentees = tuple(mentee for mentee in group.mentees if mentee.party != removed)
    after = _agreed(_next(group, now, mentees=mentees), now)
    return Decided(state=after, event=GroupMenteeRemoved(recipients=(removed.as_recipient,), **_about(after)))


def end(group: Group, *, by: str, now: datetime) -> Decided[Group]:
    """The mentorships of the group go on."""
    _require(group, "end", by)
    return _ended(group, reason="by_mentor", now=now)


def pass_time(group: Group, now: datetime) -> Decided[Group] | None:
    """Reminds of the next meeting, once; after an outage of none that has begun."""
    if group.due_at is None or group.due_at > now:
        return None
    coming = _next_meeting(group)
    if coming is None:
        return Decided(state=_next(group, now))
    after = _next(group, now, reminded_to=max(coming.starts_at, now))
    all_people = (group.mentor.as_recipient, *_mentees(group))
    event = GroupReminded(starts_at=coming.starts_at, recipients=all_people, **_about(after))
    return Decided(state=after, event=event if now < coming.starts_at else None)


def meetings_from(group: Group, begin: datetime, end: datetime) -> Sequence[Occurrence]:
    """Those that begin in this time; of an ended group those before its end."""
    if group.plan is None:
        return ()
    return occurrences.between(group.plan, group.changes, begin, end if group.is_open else min(end, group.changed_at))


def _require_candidates(candidates: Sequence[Candidate], mentor: Party, programme: str) -> None:
    """Of mentorships that are not the mentor's nothing is said but that they cannot be in the group."""
    if not LEAST_MENTEES <= len(candidates) <= MOST_MENTEES:
        error = FieldError("mentorships", f"must be from {LEAST_MENTEES} to {MOST_MENTEES} different mentorships")
        raise Rejected("group_invalid", "this group cannot be opened: see errors", (error,))
    wrong = [
        FieldError(f"mentorships.{position}", "must be an active mentorship of yours in this programme")
        for position, each in enumerate(candidates)
        if each.mentor != mentor or each.programme != programme or not each.is_active
    ]
    if wrong:
        raise Rejected("group_invalid", "this group cannot be opened: see errors", tuple(wrong))
    if any(each.is_in_group for each in candidates):
        raise Conflict(
            "mentorship_in_group", "one of these mentorships is in another group already: end that one first"
        )


def _require(group: Group, command: Possible, by: str) -> None:
    MACHINE.after(group.state, command)
    side = group.side_of(by)
    if side is None or command not in _OF[side]:
        raise Forbidden("group_mentor_only", "the mentor of the group does this")


def _agreed(group: Group, now: datetime) -> Group:
    """With the newest version in force, if everybody who is left has signed it."""
    needed = {group.mentor.member, *(mentee.party.member for mentee in group.mentees)}
    if group.in_force == group.terms or not needed <= set(group.terms.signed):
        return group
    in_force: dict[str, Any] = {"state": MACHINE.after(group.state, "agree"), "in_force": group.terms}
    after = replace(group, **in_force)
    return replace(after, due_at=_due_at(after, now))


def _meeting(group: Group, id: str) -> Occurrence:
    found = occurrences.find(_plan(group), group.changes, id)
    if found is None:
        raise NotFound("meeting_not_found", "there is no meeting of the group at this time")
    return found


def _plan(group: Group) -> Plan:
    if group.plan is None:
        raise NotFound("meeting_not_found", "there is no meeting of the group at this time")
    return group.plan


def _next_meeting(group: Group) -> Occurrence | None:
    """The next one that nobody was reminded of."""
    if group.plan is None:
        return None
    after = group.reminded_to + timedelta(milliseconds=1)
    return next(occurrences.from_then_on(group.plan, group.changes, after), None)


def _ended(group: Group, *, reason: str, now: datetime) -> Decided[Group]:
    after = _next(group, now, state=MACHINE.after(group.state, "end"), reason=reason, **_shown(group, now))
    all_people = (group.mentor.as_recipient, *_mentees(group))
    return Decided(state=after, event=GroupEnded(reason=reason, recipients=all_people, **_about(after)))


def _changed(group: Group, what: str, *, by: str) -> Decided[Group]:
    """Everybody else is notified."""
    others = [person for person in (group.mentor.as_recipient, *_mentees(group)) if person.member != by]
    return Decided(state=group, event=GroupChanged(what=what, recipients=tuple(others), **_about(group)))


def _shown(group: Group, now: datetime) -> dict[str, Any]:
    """What rises with each change that calendars show."""
    return {"sequence": group.sequence + 1, "changed_at": now}


def _next(group: Group, now: datetime, **changed: Any) -> Group:
    after = replace(group, version=group.version + 1, **changed)
    return replace(after, due_at=_due_at(after, now))


def _due_at(group: Group, now: datetime) -> datetime | None:
    coming = _next_meeting(group) if group.state == "active" else None
    return None if coming is None else max(coming.starts_at - REMINDER, now)


def _mentees(group: Group) -> tuple[Any, ...]:
    return tuple(mentee.party.as_recipient for mentee in group.mentees)


def _about(group: Group) -> dict[str, Any]:
    return {"group": group.id, "programme": group.programme, "mentor": group.mentor.as_recipient}
