"""Follows two live changes: profile event → changed lists → notification, with the time of each hop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from deploy.api_client import Api, Json, NeverArrived
from deploy.demo.founding import Member, sign_in
from deploy.demo.listening import Event, Listener, inbox_stream
from deploy.demo.reading import Shortlist, inbox_of
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.notifications import NotificationRecorded

COALESCED_SECONDS = 5
"""How long matching collects the effects of others' changes on a list (default of MATCHING_COALESCE_SECONDS)."""
_WITHIN_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    summary: str
    member: Member
    body: Json
    """Of the PATCH request."""
    lists: Mapping[str, Shortlist]
    """The lists that must change, by enrolment."""
    followed: Shortlist
    """One of them: its mentee's inbox is followed."""
    leaving_mentor: str | None = None

    def explains(self, event: Event) -> bool:
        """Whether the event is an expected change of one of the lists."""
        payload = event.payload
        if not isinstance(payload, SuggestionsChanged) or payload.enrolment not in self.lists:
            return False
        return self.leaving_mentor is None or self.leaving_mentor in payload.left


@dataclass(frozen=True, slots=True)
class Hop:
    name: str
    at_ms: float
    """Since the request was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    change: Change
    correlation: str
    """The correlation id in the HTTP answer."""
    hops: tuple[Hop, ...]
    correlated: int
    """Changed lists whose event carries the correlation id."""
    last_list_ms: float
    title: str
    """Of the notification, as the mentee reads it."""


def new_topics(members: Mapping[str, Member], lists: Sequence[Shortlist]) -> Change:
    """A mentee wants topics that the second mentor on their list offers and the first does not: the order changes."""
    for shortlist in sorted(lists, key=lambda shortlist: (-len(shortlist.items), shortlist.enrolment)):
        mentee = members[shortlist.mentee]
        for topics in _reordering_topics(mentee, members, shortlist):
            return Change(
                summary=f"A mentee of {mentee.institution} now wants {' and '.join(topics)}",
                member=mentee,
                body={"topics_wanted": list(topics)},
                lists={shortlist.enrolment: shortlist},
                followed=shortlist,
            )
    raise NeverArrived("no list with two mentors who offer different topics: the network is too small to follow")


def _reordering_topics(
    mentee: Member, members: Mapping[str, Member], shortlist: Shortlist
) -> Iterator[tuple[str, ...]]:
    mentors = [members[suggested.mentor] for suggested in shortlist.items[:2] if suggested.mentor in members]
    # A mentee of two programmes has two lists; the change of somebody who is a mentor too alters others' lists.
    if len(mentors) < 2 or len(mentee.mentee_in) > 1 or mentee.mentor_in:  # noqa: PLR2004 -- a first and a second
        return
    first, second = (mentor.topics_offered for mentor in mentors)
    yield from combinations(sorted(set(second) - set(first) - set(mentee.topics_wanted)), 2)


def last_seat(members: Mapping[str, Member], lists: Sequence[Shortlist]) -> Change:
    """The mentor who is on most lists, of those with one seat, closes it: every list that names them must change."""
    naming = {
        id: [shortlist for shortlist in lists if shortlist.rank_of(id)]
        for id, member in members.items()
        if member.capacity == 1
    }
    if not any(naming.values()):
        raise NeverArrived("no mentor with one seat is on any list: the network is too small to follow a change")
    id = max(naming, key=lambda mentor: (len(naming[mentor]), mentor))
    return Change(
        summary=f"A mentor of {members[id].institution}, named on {len(naming[id])} lists, goes from capacity 1 to 0",
        member=members[id],
        body={"capacity": 0},
        lists={shortlist.enrolment: shortlist for shortlist in naming[id]},
        followed=min(naming[id], key=lambda shortlist: (shortlist.rank_of(id) or 0, shortlist.enrolment)),
        leaving_mentor=id,
    )


async def follow(api: Api, listener: Listener, members: Mapping[str, Member], change: Change) -> Followed:
    """Makes the change as the member, and waits for its effects. Raises `NeverArrived` naming the missing hop."""
    await sign_in(api, [change.member])
    me = api.member(change.member.institution, change.member.id)
    reader = members[change.followed.mentee]
    etag = (await me.get("profiles", "/me")).headers["etag"]
    inbox = await inbox_of(api, reader)
    async with inbox_stream(api.member(reader.institution, reader.id), after=inbox.position) as stream:
        since, sent_at = len(listener.events), api.clock.monotonic()
        answer = await me.patch("profiles", "/me", change.body, etag=etag)
        answered_at = api.clock.monotonic()
        correlation = answer.headers["x-correlation-id"]
        profile = await listener.first(
            lambda event: event.topic == "profiles.members" and event.envelope.trace.correlation_id == correlation,
            since=since,
            within=_WITHIN_SECONDS,
            missing="the changed member on profiles.members; see the log of profiles (role relay)",
        )
        changed_lists = await listener.collect(
            change.explains,
            count=len(change.lists),
            since=since,
            within=_WITHIN_SECONDS,
            missing="changed lists on matching.events; see the log of matching and its /metrics (preceptor_records, "
            "preceptor_outbox_pending_age_seconds)",
        )
        changed = next(event for event in changed_lists if event.envelope.subject == change.followed.enrolment)
        recorded = await listener.first(
            lambda event: event.envelope.trace.causation_id == changed.envelope.id,
            since=since,
            within=_WITHIN_SECONDS,
            missing="the notification on notifications.events; see the log of notifications and its parked records",
        )
        delivered = await stream.next(
            from_position=_position(recorded),
            within=_WITHIN_SECONDS,
            missing="the notification on the mentee's live stream; see the log of notifications (role api)",
        )
    times = {
        "PATCH /me answered": answered_at,
        "profiles.members: the member changed": profile.at,
        "matching.events: the list changed": changed.at,
        "inbox, live: the mentee reads it": delivered.at,
        "notifications.events: it was recorded": recorded.at,
    }
    return Followed(
        change=change,
        correlation=correlation,
        hops=tuple(Hop(name, (at - sent_at) * 1000) for name, at in times.items()),
        correlated=sum(event.envelope.trace.correlation_id == correlation for event in changed_lists),
        last_list_ms=(max(event.at for event in changed_lists) - sent_at) * 1000,
        title=delivered.notification["title"],
    )


def _position(recorded: Event) -> int:
    return recorded.payload.position if isinstance(recorded.payload, NotificationRecorded) else 0
