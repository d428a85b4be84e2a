"""The goals of a mentorship: the mentee's own, and the mentor's view of those that are shared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.mentorships.goals import domain
from services.mentorships.goals.domain import Audience, Command, Goal, OpenPair
from services.mentorships.kernel.access import SignIns, require_party, unknown
from services.mentorships.kernel.pairs import Decided, Side
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, Forbidden, VersionMismatch
from shared.retries import retried_when_stale


class GoalRepository(SignIns, Protocol):
    async def pair(self, institution: str, mentorship: str) -> OpenPair | None:
        """Of a mentorship with a member of this institution."""

    async def find(self, institution: str, id: str) -> Goal | None: ...

    async def of_mentorship(self, institution: str, mentorship: str) -> Sequence[Goal]:
        """The newest first; at most `MAX_GOALS`."""

    async def set_goal(
        self, institution: str, mentorship: str, id: str, decide: Callable[[OpenPair, int], Decided[Goal]], trace: Trace
    ) -> Goal:
        """Decides on the mentorship and its number of goals. Returns a goal that exists already."""

    async def change(
        self, institution: str, id: str, decide: Callable[[Goal], Decided[Goal] | None], trace: Trace
    ) -> Goal: ...

    async def comment(
        self, institution: str, id: str, decide: Callable[[Goal, OpenPair], Decided[Goal] | None], trace: Trace
    ) -> Goal:
        """Decides on the goal and on the mentorship, as they are when the comment is saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalRequest:
    goal: str
    expected: int | None
    trace: Trace


class Goals:
    def __init__(self, repository: GoalRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def set_goal(
        self, me: Principal, mentorship: str, *, id: str, title: str, description: str, is_shared: bool, trace: Trace
    ) -> Goal:
        found = await self._repository.pair(me.home, mentorship)
        side, _ = await require_party(self._repository, me, found, what="mentorship")
        if side != "mentee":
            raise Forbidden("mentees_only", "goals belong to the mentee")
        now = self._clock.now()

        def decide(current: OpenPair, goal_count: int) -> Decided[Goal]:
            if not current.is_open:
                raise Conflict("mentorship_ended", "the mentorship has ended, so it gets no new goals")
            if goal_count >= domain.MAX_GOALS:
                raise Conflict("too_many_goals", f"a mentorship can have {domain.MAX_GOALS} goals")
            return domain.set_goal(
                current.pair,
                mentorship=mentorship,
                id=id,
                title=title,
                description=description,
                is_shared=is_shared,
                now=now,
            )

        return await retried_when_stale(self._repository.set_goal)(me.home, mentorship, id, decide, trace)

    async def of_mentorship(self, me: Principal, mentorship: str) -> tuple[Side, Sequence[Goal]]:
        """Those that the caller may see."""
        found = await self._repository.pair(me.home, mentorship)
        side, _ = await require_party(self._repository, me, found, what="mentorship")
        goals = await self._repository.of_mentorship(me.home, mentorship)
        return side, [goal for goal in goals if goal.is_visible_to(side)]

    async def see(self, me: Principal, id: str) -> tuple[Side, Goal]:
        found = await self._repository.find(me.home, id)
        side, goal = await require_party(self._repository, me, found, what="goal")
        if not goal.is_visible_to(side):
            raise unknown("goal")
        return side, goal

    async def change(
        self, me: Principal, request: GoalRequest, *, title: str, description: str, is_shared: bool
    ) -> tuple[Side, Goal]:
        return await self._change(
            me,
            request,
            lambda goal, side: domain.change(goal, by=side, title=title, description=description, is_shared=is_shared),
        )

    async def move(self, me: Principal, request: GoalRequest, command: Command) -> tuple[Side, Goal]:
        now = self._clock.now()
        return await self._change(me, request, lambda goal, side: domain.move(goal, by=side, command=command, now=now))

    async def comment(
        self, me: Principal, request: GoalRequest, *, id: str, text: str, audience: Audience
    ) -> tuple[Side, Goal]:
        now = self._clock.now()
        side, _ = await self.see(me, request.goal)

        def decide(goal: Goal, pair: OpenPair) -> Decided[Goal] | None:
            if not goal.is_visible_to(side):
                raise unknown("goal")
            if any(known.id == id for known in goal.comments):
                return None
            return domain.comment(goal, id=id, by=side, text=text, audience=audience, pair=pair, now=now)

        comment = retried_when_stale(self._repository.comment)
        return side, await comment(me.home, request.goal, decide, request.trace)

    async def _change(
        self, me: Principal, request: GoalRequest, decide: Callable[[Goal, Side], Decided[Goal] | None]
    ) -> tuple[Side, Goal]:
        side, _ = await self.see(me, request.goal)

        def decide_current(goal: Goal) -> Decided[Goal] | None:
            if not goal.is_visible_to(side):
                raise unknown("goal")
            if request.expected is not None and goal.shown_version != request.expected:
                raise VersionMismatch(found=goal.shown_version, expected=request.expected)
            return decide(goal, side)

        return side, await retried_when_stale(self._repository.change)(
            me.home, request.goal, decide_current, request.trace
        )
