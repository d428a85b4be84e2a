"""The demo's steps, from rosters to notifications, two live changes and one mentorship."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from rich.console import Console

from deploy.api_client import Api, for_each, opened, until
from deploy.demo import report, rosters
from deploy.demo.following import Followed, follow, last_seat, new_topics
from deploy.demo.founding import Member, add_vocabulary, found, members, sign_in
from deploy.demo.listening import Listener, listening
from deploy.demo.mentorship import Mentored, follow_mentorship
from deploy.demo.network import people
from deploy.demo.reading import Inbox, Shortlist, explained_lists, filled_inbox, read_all
from deploy.issuer import LocalIssuer
from shared.clock import Clock, SystemClock

_WITHIN_SECONDS = 90
_QUIET_SECONDS = 2
"""Longer than a busy machine takes from a request to its event, and from there to a list that waits for renewal."""
_LISTS_MISSING = "lists with reasons; see the log of matching and its /metrics (matching_lists_computed)"
_INBOXES_MISSING = "a notification; see the log of notifications and its /metrics (preceptor_parked_records)"
Step = Callable[[str, int], Callable[[], None]]
"""Begins a line of progress with a total; returns what advances it by one."""


async def run(
    addresses: Mapping[str, str],
    issuer: LocalIssuer,
    *,
    bootstrap: str,
    sources: Sequence[rosters.Source] | None = None,
    console: Console | None = None,
) -> report.Result:
    """Prints a summary and returns its contents. Raises `NeverArrived` with where to look.

    A second run on the same network finds its people there, and makes the live changes and one more mentorship only.
    """
    console, clock = console or Console(), SystemClock()
    began = clock.monotonic()
    sources = sources or (rosters.medical(people()), rosters.real_or_own())
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(opened(addresses, issuer, clock))
        listener = await stack.enter_async_context(listening(bootstrap, clock))
        job = _Job(api, listener, clock, stack.enter_context(report.progress(console)))
        await add_vocabulary(api)
        imports = dict(zip((source.name for source in sources), await for_each(sources, job.enter), strict=True))
        by_id = {member.id: member for source in sources for member in await job.members(source)}
        inboxes = await job.inboxes(by_id)
        await job.quiet()
        lists = await job.lists(by_id)
        followed = await job.follow(by_id, lists)
        mentored = await job.follow_mentorship(by_id, lists)
    result = report.Result(
        imports=imports,
        members=tuple(by_id.values()),
        lists=tuple(lists.values()),
        inboxes=tuple(inboxes),
        followed=tuple(followed),
        mentored=mentored,
        events=Counter(event.topic for event in listener.events),
        seconds=clock.monotonic() - began,
    )
    report.summary(result, console)
    return result


@dataclass(frozen=True, slots=True)
class _Job:
    api: Api
    listener: Listener
    clock: Clock
    step: Step

    async def enter(self, source: rosters.Source) -> Counter[str]:
        """Founds the source's institutions, imports its rosters after a dry run, and has people sign in."""
        await found(self.api, source.institutions, source.programmes)
        advance = self.step(f"{source.name}: rosters", len(source.rosters))

        async def take_in(roster: rosters.Roster) -> Counter[str]:
            await rosters.import_roster(self.api, roster, dry_run=True)
            counts = await rosters.import_roster(self.api, roster)
            advance()
            return counts

        counts = await for_each(source.rosters, take_in)
        await self._sign_in(source)
        return sum(counts, start=Counter())

    async def _sign_in(self, source: rosters.Source) -> None:
        """Mentees, mentors with one seat, of whom one will close it, and first, as it changes lists, people who are
        open to other institutions.
        """
        signing_in = [
            member
            for member in await self.members(source)
            if member.mentee_in or member.capacity == 1 or member.external_id in source.open_to_others
        ]
        signing_in.sort(key=lambda member: member.external_id not in source.open_to_others)
        advance = self.step(f"{source.name}: sign-ins", len(signing_in))
        await sign_in(self.api, signing_in, open_to_others=source.open_to_others, advance=advance)

    async def members(self, source: rosters.Source) -> list[Member]:
        return [member for new in source.institutions for member in await members(self.api, new.id)]

    async def inboxes(self, by_id: Mapping[str, Member]) -> list[Inbox]:
        mentees = [member for member in by_id.values() if member.mentee_in]
        advance = self.step("mentees notified in their inbox", len(mentees))
        return await read_all(
            self.api, mentees, filled_inbox, within=_WITHIN_SECONDS, missing=_INBOXES_MISSING, advance=advance
        )

    async def lists(self, by_id: Mapping[str, Member]) -> dict[str, Shortlist]:
        """By enrolment."""
        mentees = [member for member in by_id.values() if member.mentee_in]
        return await self._lists(mentees, self.step("mentees with lists or reasons", len(mentees)))

    async def _lists(self, mentees: Sequence[Member], advance: Callable[[], object]) -> dict[str, Shortlist]:
        lists = await read_all(
            self.api, mentees, explained_lists, within=_WITHIN_SECONDS, missing=_LISTS_MISSING, advance=advance
        )
        return {shortlist.enrolment: shortlist for of_mentee in lists for shortlist in of_mentee}

    async def quiet(self) -> None:
        """Waits until the effects of the last arrivals on others' lists have been published too."""
        advance = self.step("effects on others' lists, published", 1)

        async def is_quiet() -> bool | None:
            last = max((event.at for event in self.listener.events), default=0.0)
            if self.clock.monotonic() < last + _QUIET_SECONDS:
                return None
            return await self.api.metric("matching", "matching_renewals_waiting") == 0 or None

        missing = "lists that no longer change; see matching_renewals_waiting on /metrics of matching"
        await until(is_quiet, clock=self.clock, within=_WITHIN_SECONDS, missing=missing)
        advance()

    async def follow(self, by_id: Mapping[str, Member], lists: dict[str, Shortlist]) -> list[Followed]:
        """Follows one change after the other; updates the lists that change."""
        advance = self.step("live changes followed", 2)
        followed = []
        for choose in (new_topics, last_seat):
            change = choose(by_id, tuple(lists.values()))
            followed.append(await follow(self.api, self.listener, by_id, change))
            mentees = {shortlist.mentee for shortlist in change.lists.values()}
            lists |= await self._lists([by_id[mentee] for mentee in mentees], lambda: None)
            advance()
        return followed

    async def follow_mentorship(self, by_id: Mapping[str, Member], lists: Mapping[str, Shortlist]) -> Mentored:
        advance = self.step("a mentorship, followed for months", 1)
        mentored = await follow_mentorship(self.api, self.listener, by_id, tuple(lists.values()))
        advance()
        return mentored
