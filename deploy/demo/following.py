"""Two live changes, each followed through: profile event → rematch → notification, with the time of every hop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from deploy.demo.api import Api, Json, NeverArrived
from deploy.demo.founding import Enrolled, sign_in
from deploy.demo.listening import Heard, Listener, Stream, Told, inbox_stream
from deploy.demo.reading import Shortlist, inbox_of
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.notifications import NotificationRecorded

COALESCED_SECONDS = 5
"""What others' changes do to a list is gathered for so long by default (MATCHING_COALESCE_SECONDS)."""
_WITHIN_SECONDS = 30
_MATCHING_LOG = (
    "see the log of matching, and preceptor_records and preceptor_outbox_pending_age_seconds of its /metrics"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everybody and every list as they stood before a change."""

    members: Mapping[str, Enrolled]
    lists: Sequence[Shortlist]


@dataclass(frozen=True, slots=True)
class Hop:
    what: str
    at_ms: float
    """Since the request was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    what: str
    correlation: str
    """As the HTTP answer named it."""
    hops: tuple[Hop, ...]
    lists: int
    """Changed lists that had to be heard of, and were."""
    correlated: int
    """Those that carry the correlation: a list changed by several people at once names the last of them."""
    last_list_ms: float
    is_gathered: bool
    """Others' lists changed, gathered for a while before they were published."""
    title: str
    """Of the notification, as the mentee reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    what: str
    who: Enrolled
    body: Json
    watched: Shortlist
    """The list whose mentee's inbox is followed."""
    lists: Mapping[str, Shortlist]
    """By enrolment: all that must change."""
    leaves: str | None = None
    """The mentor who must leave them."""

    def is_rematch(self, heard: Heard) -> bool:
        told = heard.payload
        if not isinstance(told, SuggestionsChanged) or told.enrolment not in self.lists:
            return False
        return self.leaves is None or self.leaves in told.left


def new_topics(known: Known) -> Change:
    """One mentee wants to talk of other things, so that their first mentor and their second change places."""
    shortlist, topics = _topics_that_turn_a_list(known)
    mentee = known.members[shortlist.mentee]
    return Change(
        what=f"A mentee of {mentee.institution} now wants {' and '.join(topics)}",
        who=mentee,
        body={"topics_wanted": list(topics)},
        watched=shortlist,
        lists={shortlist.enrolment: shortlist},
    )


def last_seat(known: Known) -> Change:
    """The most wanted mentor of those with one seat takes nobody more: every list that names them must change."""
    naming = {
        one.id: [shortlist for shortlist in known.lists if shortlist.rank_of(one.id)]
        for one in known.members.values()
        if one.capacity == 1
    }
    if not any(naming.values()):
        raise NeverArrived("no mentor with one seat is on any list: the network is too small to follow a change")
    wanted = max(naming, key=lambda mentor: (len(naming[mentor]), mentor))
    named, mentor = naming[wanted], known.members[wanted]
    return Change(
        what=f"A mentor of {mentor.institution}, named on {len(named)} lists, goes from capacity 1 to 0",
        who=mentor,
        body={"capacity": 0},
        watched=min(named, key=lambda one: (one.rank_of(wanted) or 0, one.enrolment)),
        lists={one.enrolment: one for one in named},
        leaves=wanted,
    )


async def follow(api: Api, listener: Listener, members: Mapping[str, Enrolled], change: Change) -> Followed:
    """Makes the change as the person themselves, and hears what follows. Raises `NeverArrived` naming the hop."""
    await sign_in(api, [change.who])
    me = api.member(change.who.institution, change.who.id)
    reader = members[change.watched.mentee]
    etag = (await me.get("profiles", "/me")).headers["etag"]
    inbox = await inbox_of(api, reader)
    async with inbox_stream(api.member(reader.institution, reader.id), after=inbox.position) as stream:
        since, sent = len(listener.heard), api.clock.monotonic()
        answer = await me.patch("profiles", "/me", change.body, etag=etag)
        answered = api.clock.monotonic()
        correlation = answer.headers["x-correlation-id"]
        changed = await _profile_event(listener, correlation, since)
        rematches = await listener.collect(
            change.is_rematch,
            count=len(change.lists),
            since=since,
            within=_WITHIN_SECONDS,
            missing=f"changed lists on matching.events; {_MATCHING_LOG}",
        )
        rematch = next(one for one in rematches if one.envelope.subject == change.watched.enrolment)
        recorded = await _notification(listener, rematch, since)
        told = await _told(stream, recorded)

    def hop(what: str, at: float) -> Hop:
        return Hop(what, (at - sent) * 1000)

    return Followed(
        what=change.what,
        correlation=correlation,
        hops=(
            hop("PATCH /me answered", answered),
            hop("profiles.members: the member changed", changed.at),
            hop("matching.events: the list changed", rematch.at),
            hop("inbox, live: the mentee reads it", told.at),
            hop("notifications.events: it was recorded", recorded.at),
        ),
        lists=len(rematches),
        correlated=sum(one.envelope.trace.correlation_id == correlation for one in rematches),
        last_list_ms=(max(one.at for one in rematches) - sent) * 1000,
        is_gathered=change.leaves is not None,
        title=told.notification["title"],
    )


async def _profile_event(listener: Listener, correlation: str, since: int) -> Heard:
    return await listener.first(
        lambda heard: heard.topic == "profiles.members" and heard.envelope.trace.correlation_id == correlation,
        since=since,
        within=_WITHIN_SECONDS,
        missing="the changed member on profiles.members; see the log of profiles (role relay)",
    )


async def _notification(listener: Listener, rematch: Heard, since: int) -> Heard:
    return await listener.first(
        lambda heard: heard.envelope.trace.causation_id == rematch.envelope.id,
        since=since,
        within=_WITHIN_SECONDS,
        missing="the notification on notifications.events; see the log of notifications and its parked records",
    )


async def _told(stream: Stream, recorded: Heard) -> Told:
    payload = recorded.payload
    position = payload.position if isinstance(payload, NotificationRecorded) else 0
    return await stream.next(
        from_position=position,
        within=_WITHIN_SECONDS,
        missing="the notification on the mentee's live stream; see the log of notifications (role api)",
    )


def _topics_that_turn_a_list(known: Known) -> tuple[Shortlist, tuple[str, ...]]:
    """Topics that the second mentor of a list offers and the first does not: the two change places."""
    for shortlist in sorted(known.lists, key=lambda one: (-len(one.suggested), one.enrolment)):
        for topics in _candidates(known, shortlist):
            return shortlist, topics
    raise NeverArrived("no list with two mentors who offer different topics: the network is too small to follow")


def _candidates(known: Known, shortlist: Shortlist) -> Iterator[tuple[str, ...]]:
    mentee = known.members[shortlist.mentee]
    mentors = [known.members.get(one.mentor) for one in shortlist.suggested[:2]]
    # A mentee of two programmes would have two lists to follow; one who mentors as well would change others' lists.
    if None in mentors or len(mentors) < 2 or len(mentee.mentee_in) > 1 or mentee.mentor_in:  # noqa: PLR2004 -- a first and a second
        return
    first, second = (mentor.topics_offered for mentor in mentors if mentor)
    fresh = [topic for topic in second if topic not in first and topic not in mentee.topics_wanted]
    yield from combinations(sorted(fresh), 2)
