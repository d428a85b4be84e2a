"""The main job, from rosters to notifications and through two live changes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from rich.console import Console

from deploy.demo import rosters
from deploy.demo.api import Api, for_each, opened, until
from deploy.demo.following import Followed, Known, follow, last_seat, new_topics
from deploy.demo.founding import Enrolled, found, members, sign_in
from deploy.demo.listening import Listener, listening
from deploy.demo.network import people
from deploy.demo.reading import Inbox, Rounds, Shortlist
from deploy.demo.report import progress, summary
from deploy.demo.result import Result
from deploy.demo.rosters import Counts, Roster, Source
from deploy.issuer import LocalIssuer
from shared.clock import Clock, SystemClock

_WITHIN_SECONDS = 90
_QUIET_SECONDS = 2
"""Longer than a busy machine takes from a request to its event, and from there to the list that waits."""
Step = Callable[[str, int], Callable[[int], None]]
"""Begins a line of progress; what it returns says how far that is."""


async def run(
    addresses: Mapping[str, str],
    issuer: LocalIssuer,
    *,
    bootstrap: str,
    sources: Sequence[Source] | None = None,
    console: Console | None = None,
) -> Result:
    """Prints a summary, and returns what it is made of. Raises `NeverArrived` with what to look at.

    Run again on the same network it finds its people there, and changes nothing but the two whom it follows.
    """
    shown, clock = console or Console(), SystemClock()
    began = clock.monotonic()
    sources = sources or (rosters.medical(people()), rosters.real_or_own())
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(opened(addresses, issuer, clock))
        listener = await stack.enter_async_context(listening(bootstrap, clock))
        job = Job(api, listener, clock, stack.enter_context(progress(shown)))
        imports = dict(zip((one.name for one in sources), await for_each(sources, job.take_in), strict=True))
        everybody = await job.everybody(sources)
        inboxes = await job.inboxes(everybody)
        await job.settled()
        lists = await job.lists(everybody)
        followed = await job.follow(everybody, lists)
        heard = Counter(one.topic for one in listener.heard)
    result = Result(
        imports=imports,
        members=tuple(everybody),
        lists=tuple(lists.values()),
        inboxes=tuple(inboxes),
        followed=followed,
        heard=heard,
        seconds=clock.monotonic() - began,
    )
    summary(result, shown)
    return result


@dataclass(frozen=True, slots=True)
class Job:
    api: Api
    listener: Listener
    clock: Clock
    step: Step

    async def take_in(self, source: Source) -> Counts:
        """Founds, imports after a dry run, and has people sign in. Returns what the import made of its rows."""
        await found(self.api, source.institutions, source.programmes)
        said = _Count(self.step(f"{source.name}: rosters", len(source.rosters)))
        counts = await for_each(source.rosters, self._import, done=said.one_more)
        await self._sign_in(source)
        return sum(counts, start=Counts())

    async def _import(self, roster: Roster) -> Counts:
        for dry_run in (True, False):
            counts = await rosters.take_in(self.api, roster, dry_run=dry_run)
        return counts

    async def _sign_in(self, source: Source) -> None:
        """All mentees; mentors with one seat, of whom one will close it; and first, because it changes lists, whoever
        is willing to meet other institutions' people.
        """
        wanted = [
            one
            for one in await self.everybody([source])
            if one.mentee_in or one.capacity == 1 or one.external_id in source.willing
        ]
        wanted.sort(key=lambda one: one.external_id not in source.willing)
        said = _Count(self.step(f"{source.name}: sign-ins", len(wanted)))
        await sign_in(self.api, wanted, willing=source.willing, done=said.one_more)

    async def everybody(self, sources: Sequence[Source]) -> list[Enrolled]:
        institutions = [one.id for source in sources for one in source.institutions]
        found = await for_each(institutions, lambda institution: members(self.api, institution))
        return [member for some in found for member in some]

    async def inboxes(self, everybody: Sequence[Enrolled]) -> list[Inbox]:
        mentees = _mentees(everybody)
        return await self._rounds(self.step("mentees told, in their inbox", len(mentees))).inboxes(mentees)

    async def lists(self, everybody: Sequence[Enrolled]) -> dict[str, Shortlist]:
        """By enrolment."""
        mentees = _mentees(everybody)
        lists = await self._rounds(self.step("mentees with lists or reasons", len(mentees))).lists(mentees)
        return {one.enrolment: one for one in lists}

    async def settled(self) -> None:
        """Until what the last to enter did to others' lists has been published as well, and nothing follows."""
        said = self.step("others' changes, gathered and sent", 1)

        async def quiet() -> bool | None:
            last = max((one.at for one in self.listener.heard), default=0.0)
            if self.clock.monotonic() < last + _QUIET_SECONDS:
                return None
            return await self.api.metric("matching", "matching_renewals_waiting") == 0 or None

        missing = "lists that stand still; look at matching_renewals_waiting on /metrics of matching"
        await until(quiet, clock=self.clock, within=_WITHIN_SECONDS, missing=missing)
        said(1)

    async def follow(self, everybody: Sequence[Enrolled], lists: dict[str, Shortlist]) -> tuple[Followed, ...]:
        """One change after the other, on lists that stand still; renews those that change."""
        by_id = {one.id: one for one in everybody}
        said = _Count(self.step("live changes followed", 2))
        followed = []
        for change_in in (new_topics, last_seat):
            change = change_in(Known(members=by_id, lists=tuple(lists.values())))
            followed.append(await follow(self.api, self.listener, by_id, change))
            touched = {shortlist.mentee for shortlist in change.lists.values()}
            renewed = await self._rounds().lists([by_id[mentee] for mentee in touched])
            lists |= {one.enrolment: one for one in renewed}
            said.one_more()
        return tuple(followed)

    def _rounds(self, said: Callable[[int], None] = lambda _: None) -> Rounds:
        return Rounds(self.api, within=_WITHIN_SECONDS, done=said)


class _Count:
    def __init__(self, say: Callable[[int], None]) -> None:
        self._say = say
        self._count = 0

    def one_more(self) -> None:
        self._count += 1
        self._say(self._count)


def _mentees(everybody: Sequence[Enrolled]) -> list[Enrolled]:
    return [one for one in everybody if one.mentee_in]
