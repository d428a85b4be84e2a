"""Follows one mentorship from the request to a reminder after silence: each step's events, and who was notified.

Months pass by the test clock of mentorships, which is set right at the end.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from dateutil.relativedelta import FR, relativedelta

from deploy.api_client import Api, NeverArrived, until
from deploy.demo.founding import Member, sign_in
from deploy.demo.listening import Event, Listener
from deploy.demo.reading import Shortlist, none_if_not_ready
from shared.contracts import matching, meetings, mentorships
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.payload import Payload

_WITHIN_SECONDS = 60
_ZONE = ZoneInfo("Europe/Berlin")
_HOUR = timedelta(hours=1)
_MINUTES = 45


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the mentorship."""

    name: str
    on: datetime
    """By the clock of mentorships."""
    events: tuple[str, ...]
    notified: tuple[str, ...]
    """`mentee`, `mentor` or both, with the template of each notification."""


@dataclass(frozen=True, slots=True)
class Mentored:
    stages: tuple[Stage, ...]
    calendar: str
    """The file of the agreed meetings."""


async def follow_mentorship(
    api: Api, listener: Listener, members: Mapping[str, Member], lists: Sequence[Shortlist]
) -> Mentored:
    """Raises `NeverArrived` naming the event that is missing."""
    shortlist = _list_to_follow(members, lists)
    mentee, mentor = members[shortlist.mentee], members[shortlist.items[0].mentor]
    await sign_in(api, [mentor])
    following = _Following(api, listener, mentee, mentor)
    try:
        await _match(following, shortlist.programme)
        await _agree(following)
        calendar = await _meet(following)
        await _check_in(following)
        await _be_silent(following)
    finally:
        await following.set_clock_right()
    return Mentored(tuple(following.stages), calendar)


def _list_to_follow(members: Mapping[str, Member], lists: Sequence[Shortlist]) -> Shortlist:
    """A mentee of one programme, and a mentor of the same institution."""
    for shortlist in sorted(lists, key=lambda shortlist: shortlist.enrolment):
        mentee = members[shortlist.mentee]
        if not shortlist.items or len(mentee.mentee_in) > 1 or mentee.mentor_in:
            continue
        mentor = members.get(shortlist.items[0].mentor)
        if mentor and mentor.institution == mentee.institution and mentor.capacity:
            return shortlist
    raise NeverArrived("no mentee has a mentor of their institution first on the list: the network is too small")


class _Following:
    """The two people, and the clock of mentorships."""

    def __init__(self, api: Api, listener: Listener, mentee: Member, mentor: Member) -> None:
        self.mentee, self.mentor = mentee, mentor
        self.as_mentee, self.as_mentor = (api.member(person.institution, person.id) for person in (mentee, mentor))
        self.mentorship = ""
        self.stages: list[Stage] = []
        self._api = api
        self._listener = listener
        self._ahead = timedelta()

    @property
    def now(self) -> datetime:
        """By the clock of mentorships."""
        return self._api.clock.now() + self._ahead

    async def wait_until(self, moment: datetime) -> None:
        """Sets the clock of mentorships to within an hour after this moment."""
        await self._set_ahead(-((self._api.clock.now() - moment) // _HOUR))

    async def set_clock_right(self) -> None:
        await self._set_ahead(0)

    async def _set_ahead(self, hours: int) -> None:
        await self._api.operator().put("mentorships", "/test-clock", {"hours": hours})
        self._ahead = hours * _HOUR

    async def when_known(self, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """A new sign-in, and a new mentorship, take a moment to reach each service."""
        missing = "a service that knows the two; see the logs of matching and mentorships"
        return await until(
            lambda: none_if_not_ready(ask()), clock=self._api.clock, within=_WITHIN_SECONDS, missing=missing
        )

    async def stage(self, name: str, act: Callable[[], Awaitable[object]], *expected: type[Payload]) -> None:
        """Acts, and waits for these events of the two and for the notification of each recipient."""
        since = len(self._listener.events)
        await act()
        events = [await self._first(payload, since) for payload in expected]
        notified = [line for event in events for line in await self._notified(event, since)]
        types = tuple(".".join(event.envelope.type.split(".")[3:-1]) for event in events)
        self.stages.append(Stage(name, self.now, types, tuple(dict.fromkeys(notified))))

    async def _first(self, payload: type[Payload], since: int) -> Event:
        return await self._listener.first(
            lambda event: isinstance(event.payload, payload) and self._is_theirs(event.payload),
            since=since,
            within=_WITHIN_SECONDS,
            missing=f"{payload.TYPE} on {payload.TOPIC}; see the logs of matching and mentorships",
        )

    def _is_theirs(self, payload: Payload) -> bool:
        people = [getattr(getattr(payload, side, None), "member", None) for side in ("mentee", "mentor")]
        return people == [self.mentee.id, self.mentor.id]

    async def _notified(self, event: Event, since: int) -> list[str]:
        """The mentee first: two people's notifications come from different partitions, in any order."""
        recorded = await self._listener.collect(
            lambda other: (
                other.envelope.trace.causation_id == event.envelope.id
                and isinstance(other.payload, NotificationRecorded)
            ),
            count=len(set(getattr(event.payload, "recipients", ()))),
            since=since,
            within=_WITHIN_SECONDS,
            missing=f"notifications of {event.envelope.type}; see the log of notifications and its parked records",
        )
        return sorted(self._line(each.payload) for each in recorded if isinstance(each.payload, NotificationRecorded))

    def _line(self, recorded: NotificationRecorded) -> str:
        side = "mentee" if recorded.member == self.mentee.id else "mentor"
        return f"{side}: {recorded.template}"


async def _match(following: _Following, programme: str) -> None:
    async def ask() -> None:
        wanted = {"programme": programme, "mentor": following.mentor.id, "message": "May I learn from you?"}
        made = await following.as_mentee.post("matching", f"/mentees/{following.mentee.id}/requests", wanted)
        requests.append(made.json()["id"])

    async def accept() -> None:
        path = f"/requests/{requests[0]}/accept"
        answered = await following.when_known(lambda: following.as_mentor.post("matching", path, {}))
        following.mentorship = answered.json()["relationship"]

    requests: list[str] = []
    await following.stage("the mentee asks", ask, matching.MentorRequested)
    await following.stage(
        "the mentor says yes: an introduction begins",
        accept,
        matching.RequestAccepted,
        matching.RelationshipOpened,
        mentorships.MentorshipBegan,
    )


async def _agree(following: _Following) -> None:
    path = f"/mentorships/{following.mentorship}/agreement"

    async def draft() -> None:
        await following.when_known(lambda: following.as_mentee.post("mentorships", f"{path}/draft", {"language": "en"}))
        await following.as_mentee.post("mentorships", f"{path}/versions/1/sign")

    async def sign() -> None:
        await following.when_known(lambda: following.as_mentor.post("mentorships", f"{path}/versions/1/sign"))

    await following.stage(
        "the mentee drafts an agreement and signs it", draft, mentorships.AgreementProposed, mentorships.AgreementSigned
    )
    await following.stage(
        "the mentor signs the same version", sign, mentorships.AgreementInForce, mentorships.MentorshipActivated
    )


async def _meet(following: _Following) -> str:
    """Returns the calendar file. The first meeting is held."""
    starts = _first_friday(following.now)
    plan = {
        "starts": f"{starts:%Y-%m-%dT%H:%M}",
        "zone": _ZONE.key,
        "minutes": _MINUTES,
        "rule": "FREQ=MONTHLY;BYDAY=1FR",
        "place": "Library café",
    }
    proposals: list[httpx.Response] = []

    async def propose() -> None:
        path = f"/mentorships/{following.mentorship}/meetings"
        proposals.append(await following.as_mentee.post("mentorships", path, plan))

    async def agree() -> None:
        path, etag = f"/meetings/{proposals[0].json()['id']}", proposals[0].headers["etag"]
        await following.as_mentor.post("mentorships", f"{path}/agree", etag=etag)

    async def hold() -> None:
        await following.wait_until(starts)
        path = f"/meetings/{proposals[0].json()['id']}/occurrences/{plan['starts']}/held"
        await following.as_mentor.post("mentorships", path)

    await following.stage("the mentee proposes first Fridays at 17:00", propose, meetings.MeetingProposed)
    await following.stage("the mentor agrees", agree, meetings.MeetingAgreed)
    file = await following.as_mentee.get("mentorships", f"/meetings/{proposals[0].json()['id']}/calendar.ics")
    await following.stage(
        "the day before the first meeting",
        lambda: following.wait_until(starts - timedelta(hours=20)),
        meetings.MeetingReminded,
    )
    await following.stage("they meet, and the mentor says so", hold, meetings.MeetingHeld)
    return file.text


def _first_friday(now: datetime) -> datetime:
    """The next first Friday of a month at 17:00 that is two days away at least."""
    earliest = now.astimezone(_ZONE) + timedelta(days=2)
    friday: datetime = earliest + relativedelta(day=1, weekday=FR(1), hour=17, minute=0, second=0, microsecond=0)
    following: datetime = friday + relativedelta(months=1, day=1, weekday=FR(1))
    return friday if friday >= earliest else following


async def _check_in(following: _Following) -> None:
    agreed_on = next(stage.on for stage in following.stages if "agreement.in_force" in stage.events)

    async def answer() -> None:
        path = f"/mentorships/{following.mentorship}/check-ins/day_30"
        await following.as_mentee.put("mentorships", path, {"ratings": [5, 4, 5, 4, 5], "joint": True})

    await following.stage(
        "30 days after the agreement",
        lambda: following.wait_until(max(following.now, agreed_on + timedelta(days=30))),
        mentorships.CheckInOpened,
    )
    await following.stage("the mentee answers, for both to read", answer, mentorships.CheckInAnswered)


async def _be_silent(following: _Following) -> None:
    agreement = await following.as_mentee.get("mentorships", f"/mentorships/{following.mentorship}/agreement")
    interval = timedelta(days=agreement.json()["in_force"]["terms"]["interval_days"])
    met_on = next(stage.on for stage in following.stages if "meeting.held" in stage.events)
    await following.stage(
        "nobody meets for twice the agreed interval",
        lambda: following.wait_until(met_on + 2 * interval),
        mentorships.MentorshipSilent,
    )
