"""A mentee's goal. Only the mentee sets, changes, completes or shares it; the mentor sees it once it is shared, and
comments. Pure decisions.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from services.mentorships.kernel.machine import StateMachine
from services.mentorships.kernel.pairs import Decided, OfPair, Pair, Side
from shared.contracts.mentorships import GoalChanged
from shared.errors import Conflict, Forbidden

State = Literal["open", "completed", "dropped"]
Command = Literal["complete", "drop", "reopen"]
Audience = Literal["author", "pair"]
"""Who reads a comment: its author alone, or both."""
MACHINE = StateMachine(
    name="goal",
    initial=("open",),
    moves={
        "change": {"open": "open"},
        "comment": {"open": "open", "completed": "completed", "dropped": "dropped"},
        "complete": {"open": "completed"},
        "drop": {"open": "dropped"},
        "reopen": {"completed": "open", "dropped": "open"},
    },
)
Possible = Literal["change", "complete", "drop", "reopen", "comment"]
MAX_COMMENTS = 200
"""By each of the two: a count of both would show how many private notes the other has."""
MAX_GOALS = 50
"""Of one mentorship."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPair:
    """The two people of a mentorship, whether it goes on, and who has blocked the other's messages."""

    pair: Pair
    is_open: bool
    blocked_by: tuple[Side, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    id: str
    by: Side
    at: datetime
    text: str
    audience: Audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal(OfPair):
    id: str
    mentorship: str
    pair: Pair
    state: State = "open"
    version: int = 1
    title: str
    description: str = ""
    is_shared: bool = False
    """Whether the mentor sees it."""
    set_at: datetime
    ended_at: datetime | None = None
    comments: tuple[Comment, ...] = ()
    hidden_versions: int = 0
    """Versions that added a private note. Entity tags leave them out, to hide it."""
    due_at: datetime | None = None
    """Never: goals have no clock of their own."""

    @property
    def shown_version(self) -> int:
        return self.version - self.hidden_versions

    def visible_comments(self, side: Side) -> tuple[Comment, ...]:
        return tuple(comment for comment in self.comments if comment.audience == "pair" or comment.by == side)

    def is_visible_to(self, side: Side) -> bool:
        return side == "mentee" or self.is_shared


def possible(goal: Goal, side: Side) -> tuple[Possible, ...]:
    """What this side can do with a goal that it sees."""
    allowed = (command for command in get_args(Possible) if MACHINE.allows(goal.state, command))
    return tuple(command for command in allowed if side == "mentee" or command == "comment")


def set_goal(
    pair: Pair, *, mentorship: str, id: str, title: str, description: str, is_shared: bool, now: datetime
) -> Decided[Goal]:
    goal = Goal(
        id=id,
        mentorship=mentorship,
        pair=pair,
        title=title,
        description=description,
        is_shared=is_shared,
        set_at=now,
    )
    return _decided(goal, what="set")


def change(goal: Goal, *, by: Side, title: str, description: str, is_shared: bool) -> Decided[Goal] | None:
    _require_mentee(by)
    MACHINE.after(goal.state, "change")
    after = replace(goal, title=title, description=description, is_shared=is_shared)
    if after == goal:
        return None
    return _decided(_next(after), what="shared" if is_shared and not goal.is_shared else "changed")


def move(goal: Goal, *, by: Side, command: Command, now: datetime) -> Decided[Goal]:
    _require_mentee(by)
    state = MACHINE.after(goal.state, command)
    after = _next(goal, state=state, ended_at=None if state == "open" else now)
    return _decided(after, what="reopened" if state == "open" else state)


def comment(
    goal: Goal, *, id: str, by: Side, text: str, audience: Audience, pair: OpenPair, now: datetime
) -> Decided[Goal]:
    """A private note notifies nobody and is in no event. After the end of the mentorship, and while one of the two has
    blocked the other, they write nothing to each other.
    """
    if audience == "pair":
        _require_writable(pair, by)
    if sum(known.by == by for known in goal.comments) >= MAX_COMMENTS:
        raise Conflict("too_many_comments", f"a goal can have {MAX_COMMENTS} of your comments: set a new goal to go on")
    new = Comment(id=id, by=by, at=now, text=text, audience=audience)
    after = _next(goal, comments=(*goal.comments, new))
    if audience == "author":
        return Decided(state=replace(after, hidden_versions=goal.hidden_versions + 1))
    return _decided(after, what="commented", by=by)


def _require_writable(pair: OpenPair, by: Side) -> None:
    if not pair.is_open:
        raise Conflict("mentorship_ended", "the mentorship has ended: you can still write notes for yourself")
    if by in pair.blocked_by:
        raise Conflict("thread_blocked", "you have blocked messages: unblock them to comment, or write a private note")
    if pair.blocked_by:
        raise Conflict("thread_closed", "comments cannot be sent here at the moment: you can write a private note")


def _decided(goal: Goal, *, what: str, by: Side = "mentee") -> Decided[Goal]:
    """The other person is notified, if they can see it."""
    recipients = (goal.pair.across(by).as_recipient,) if goal.is_shared else ()
    event = GoalChanged(
        goal=goal.id,
        mentorship=goal.mentorship,
        programme=goal.pair.programme,
        mentee=goal.pair.mentee.as_recipient,
        mentor=goal.pair.mentor.as_recipient,
        what=what,
        recipients=recipients,
    )
    return Decided(state=goal, event=event)


def _next(goal: Goal, **changed: Any) -> Goal:
    return replace(goal, version=goal.version + 1, **changed)


def _require_mentee(by: Side) -> None:
    if by != "mentee":
        raise Forbidden("mentees_only", "goals belong to the mentee: you can comment on those that are shared with you")
