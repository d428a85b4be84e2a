"""The main job, from rosters to notifications and through two live changes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from rich.console import Console

from deploy.demo import rosters
from deploy.demo.api import Api, for_each, opened
from deploy.demo.following import COALESCED_SECONDS, Followed, Known, follow, last_seat, new_topics
from deploy.demo.founding import Enrolled, found, members, open_to_others, sign_in
from deploy.demo.listening import Listener, listening
from deploy.demo.network import PEOPLE, people
from deploy.demo.reading import Inbox, Rounds, Shortlist
from deploy.demo.report import progress, summary
from deploy.demo.result import Result
from deploy.demo.rosters import Counts, Roster, Source
from deploy.issuer import LocalIssuer
from shared.clock import Clock, SystemClock

_WITHIN_SECONDS = 90
_SETTLED_SECONDS = COALESCED_SECONDS + 1
Step = Callable[[str, int], Callable[[int], None]]
"""Begins a line of progress; what it returns says how far that is."""


async def run(
    addresses: Mapping[str, str],
    issuer: LocalIssuer,
    *,
    bootstrap: str,
    people_count: int = PEOPLE,
    console: Console | None = None,
) -> Result:
    """Prints a summary, and returns what it is made of. Raises `NeverArrived` with what to look at.

    Run again on the same network it finds its people there, and changes nothing but the two whom it follows.
    """
    shown, clock = console or Console(), SystemClock()
    began = clock.monotonic()
    generated = list(people(people_count))
    sources = (rosters.medical(generated), rosters.real_or_own())
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(opened(addresses, issuer, clock))
        listener = await stack.enter_async_context(listening(bootstrap, clock))
        job = Job(api, listener, clock, stack.enter_context(progress(shown)))
        imports = await job.take_in(sources)
        willing = frozenset(person.external_id for person in generated if person.across_institutions)
        everybody = await job.sign_in(sources, willing)
        followed = await job.follow(everybody)
        lists, inboxes = await job.read(everybody, "at the end")
        heard = Counter(one.topic for one in listener.heard)
    result = Result(
        imports=imports,
        members=tuple(everybody),
        lists=tuple(lists),
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

    async def take_in(self, sources: Sequence[Source]) -> dict[str, Counts]:
        """What each source's import made of its rows."""
        return dict(zip((one.name for one in sources), await for_each(sources, self._take_in), strict=True))

    async def _take_in(self, source: Source) -> Counts:
        said = _Count(self.step(f"rosters of the {source.name}", 2 * len(source.rosters)))
        await found(self.api, source.institutions, source.programmes)

        async def one(roster: Roster) -> Counts:
            await rosters.take_in(self.api, roster, dry_run=True)
            said.one_more()
            return await rosters.take_in(self.api, roster)

        counts = await for_each(source.rosters, one, done=said.one_more)
        return sum(counts, start=Counts())

    async def sign_in(self, sources: Sequence[Source], willing: frozenset[str]) -> list[Enrolled]:
        """All mentees, and whoever is willing to meet other institutions' people: those first, it changes lists."""
        institutions = [one.id for source in sources for one in source.institutions]
        found = await for_each(institutions, lambda institution: members(self.api, institution))
        everybody = [member for some in found for member in some]
        open_minded = [one for one in everybody if one.external_id in willing]
        others = [one for one in everybody if one.mentee_in and one.external_id not in willing]
        said = _Count(self.step("invitations accepted", len(open_minded) + len(others)))
        await sign_in(self.api, open_minded, done=said.one_more)
        said_open = _Count(self.step("opened to other institutions", len(open_minded)))
        await open_to_others(self.api, open_minded, done=said_open.one_more)
        await sign_in(self.api, others, done=said.one_more)
        return everybody

    async def follow(self, everybody: Sequence[Enrolled]) -> tuple[Followed, ...]:
        """One change after the other, each on lists that stand still."""
        await self.read(everybody, "so far")
        await self._settled()
        by_id = {one.id: one for one in everybody}
        said = _Count(self.step("live changes followed", 2))
        followed = []
        for change_in in (new_topics, last_seat):
            known = Known(members=by_id, lists=await self._rounds().lists(_mentees(everybody)))
            followed.append(await follow(self.api, self.listener, known, change_in(known)))
            said.one_more()
        return tuple(followed)

    async def read(self, everybody: Sequence[Enrolled], when: str) -> tuple[list[Shortlist], list[Inbox]]:
        mentees = _mentees(everybody)
        enrolments = sum(len(one.mentee_in) for one in mentees)
        lists = await self._rounds(self.step(f"lists read, {when}", enrolments)).lists(mentees)
        inboxes = await self._rounds(self.step(f"inboxes read, {when}", len(mentees))).inboxes(mentees)
        return lists, inboxes

    def _rounds(self, said: Callable[[int], None] = lambda _: None) -> Rounds:
        return Rounds(self.api, within=_WITHIN_SECONDS, done=said)

    async def _settled(self) -> None:
        """Until what the last changed member did to others' lists has been published as well."""
        last = max((one.at for one in self.listener.heard if one.topic == "profiles.members"), default=0.0)
        wait = last + _SETTLED_SECONDS - self.clock.monotonic()
        if wait > 0:
            self.step(f"waiting {wait:.1f} s for changes of others' making, gathered for {COALESCED_SECONDS} s", 0)
            await asyncio.sleep(wait)


class _Count:
    def __init__(self, say: Callable[[int], None]) -> None:
        self._say = say
        self._count = 0

    def one_more(self) -> None:
        self._count += 1
        self._say(self._count)


def _mentees(everybody: Sequence[Enrolled]) -> list[Enrolled]:
    return [one for one in everybody if one.mentee_in]
