"""The demo on a smaller network: rosters are imported, people matched and notified; and what must hold around it."""

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from rich.console import Console

from deploy.api_client import Api, Caller, Refused, opened, until
from deploy.demo import rosters, run
from deploy.demo.following import COALESCED_SECONDS
from deploy.demo.founding import Member, NewInstitution, found, sign_in
from deploy.demo.listening import Event, Listener, listening
from deploy.demo.network import Programme, people
from deploy.demo.reading import inbox_of, lists_of
from deploy.demo.report import Result
from deploy.demo.rosters import import_roster
from services.matching.kernel.shards import SHARDS
from shared.clock import SystemClock
from shared.contracts.notifications import NotificationRecorded
from tests.e2e.conftest import Running
from tests.e2e.inboxes import WITHIN, notification, when_known

PEOPLE = list(people(60))
SOURCES = (rosters.medical(PEOPLE), rosters.own())
pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True, slots=True)
class Demo:
    result: Result
    printed: str

    def member(self, id: str) -> Member:
        return next(member for member in self.result.members if member.id == id)

    def mentees(self) -> list[Member]:
        """Mentees of one programme with at least two mentors on their list."""
        matched = {shortlist.mentee for shortlist in self.result.lists if len(shortlist.items) > 1}
        return [member for member in self.result.members if member.id in matched and len(member.mentee_in) == 1]


@pytest.fixture(scope="module")
async def demo(services: Running) -> Demo:
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    result = await run(
        services.addresses, services.issuer, bootstrap=services.bootstrap, sources=SOURCES, console=console
    )
    return Demo(result, printed.getvalue())


@pytest.fixture
async def api(services: Running) -> AsyncIterator[Api]:
    async with opened(services.addresses, services.issuer, SystemClock()) as api:
        yield api


@pytest.fixture
async def listener(services: Running) -> AsyncIterator[Listener]:
    async with listening(services.bootstrap, SystemClock()) as listener:
        yield listener


def test_every_row_of_every_roster_became_a_member(demo: Demo) -> None:
    assert demo.result.imports == {
        "medical network": Counter(created=60),
        "Rowan Rural Practices": Counter(created=18, updated=2),
    }
    assert len(demo.result.members) == 78


def test_every_enrolled_mentee_has_a_list_with_reasons_or_the_reason_for_none(demo: Demo) -> None:
    enrolments = {f"{programme}.{member.id}" for member in demo.result.members for programme in member.mentee_in}
    assert {shortlist.enrolment for shortlist in demo.result.lists} == enrolments
    assert all(shortlist.is_explained for shortlist in demo.result.lists)
    reasons = [shortlist.unmatched for shortlist in demo.result.lists if shortlist.unmatched]
    assert all(reason.explanation for reason in reasons)
    assert {"no_common_language", "profile_incomplete"} <= {reason.code for reason in reasons}


def test_every_mentee_has_an_unread_notification(demo: Demo) -> None:
    mentees = {member.id for member in demo.result.members if member.mentee_in}
    assert {inbox.member for inbox in demo.result.inboxes} == mentees
    assert all(inbox.unread for inbox in demo.result.inboxes)


async def test_coordinators_find_the_same_mentees_unmatched_for_the_same_reasons(demo: Demo, api: Api) -> None:
    seen = {
        (unmatched["mentee"], programme.id, unmatched["reason"]["code"])
        for source in SOURCES
        for programme in source.programmes
        for institution in programme.admits
        for unmatched in await api.coordinator(institution).pages("matching", f"/programmes/{programme.id}/unmatched")
    }
    assert seen == {
        (shortlist.mentee, shortlist.programme, shortlist.unmatched.code)
        for shortlist in demo.result.lists
        if shortlist.unmatched
    }


def test_a_mentee_s_own_change_reached_their_inbox_under_one_correlation_id(demo: Demo) -> None:
    own, _ = demo.result.followed
    assert (len(own.change.lists), own.correlated, own.change.leaving_mentor) == (1, 1, None)
    assert own.hops[-2].at_ms < COALESCED_SECONDS * 1000
    assert own.title


def test_a_mentor_whose_last_seat_is_taken_leaves_every_list(demo: Demo) -> None:
    _, others = demo.result.followed
    assert others.change.leaving_mentor
    assert len(others.change.lists) == others.correlated > 0
    assert others.last_list_ms > COALESCED_SECONDS * 1000 * 0.9


async def test_operators_see_that_all_shards_are_held_and_nothing_waits(demo: Demo, api: Api) -> None:
    assert demo.result.lists
    assert await api.metric("matching", "matching_shards_held") == SHARDS

    async def nothing_waits() -> bool | None:
        """The demo's last request and its acceptance have changed others' lists."""
        return await api.metric("matching", "matching_renewals_waiting") == 0 or None

    await until(nothing_waits, clock=SystemClock(), within=WITHIN, missing="renewed lists")


def test_the_summary_is_readable_and_names_no_person(demo: Demo) -> None:
    for word in ("People", "Lists", "Unmatched", "no_common_language", "matching.events", "One mentee's list"):
        assert word in demo.printed
    assert _named_in(demo.printed) == set()


async def test_the_same_rosters_again_change_nothing_and_publish_nothing(
    demo: Demo, api: Api, listener: Listener
) -> None:
    counts = [sum([await import_roster(api, each) for each in source.rosters], start=Counter()) for source in SOURCES]
    assert counts == [Counter(unchanged=60), Counter(unchanged=20)]
    sentinel = demo.mentees()[0]
    correlation = await _change(api, sentinel, {"style": "listener"}, {"style": "coach"})
    await listener.first(_of(correlation, "profiles.members"), within=WITHIN, missing="the sentinel")
    members_changed = [event for event in listener.events if event.topic == "profiles.members"]
    assert {event.envelope.trace.correlation_id for event in members_changed} == {correlation}


async def test_another_tenant_finds_no_member(demo: Demo, api: Api) -> None:
    mentee = demo.mentees()[0]
    stranger = api.coordinator("nowhere-hospital")
    assert await stranger.pages("profiles", "/members") == []
    programme = mentee.mentee_in[0]
    refused = [
        ("profiles", f"/members/{mentee.id}", {}),
        ("profiles", f"/institutions/{mentee.institution}", {}),
        ("profiles", f"/programmes/{programme}", {}),
        ("matching", f"/mentees/{mentee.id}/suggestions", {"programme": programme}),
        ("matching", f"/programmes/{programme}/unmatched", {}),
    ]
    for service, path, query in refused:
        with pytest.raises(Refused) as known:
            await stranger.get(service, path, **query)
        with pytest.raises(Refused) as unknown:
            await stranger.get(service, path.replace(mentee.id, "nobody").replace(programme, "nothing"), **query)
        assert (known.value.status, known.value.code) == (404, unknown.value.code)


async def test_the_same_sign_in_is_unknown_at_another_institution(demo: Demo, api: Api) -> None:
    elsewhere = demo.mentees()[0].model_copy(update={"institution": "nowhere-hospital"})
    for reads in (lists_of, inbox_of):
        with pytest.raises(Refused) as refused:
            await reads(api, elsewhere)
        assert refused.value.status in {403, 404}
    with pytest.raises(Refused) as refused:
        await api.member(elsewhere.institution, elsewhere.id).get("profiles", "/me")
    assert refused.value.status == 404


async def test_matching_works_while_notifications_is_down_and_each_change_notifies_later(
    demo: Demo, services: Running, api: Api, listener: Listener
) -> None:
    mentees = demo.mentees()[:3]
    before = [await inbox_of(api, mentee) for mentee in mentees]
    lists = [await lists_of(api, mentee) for mentee in mentees]
    async with _down(services, "notifications"):
        correlations = [await _reorder(api, mentee, demo) for mentee in mentees]
        rematches = [
            await listener.first(
                _of(correlation, "matching.events"), within=WITHIN, missing="a list, notifications being down"
            )
            for correlation in correlations
        ]
        assert [await lists_of(api, mentee) for mentee in mentees] != lists
        assert not [event for event in listener.events if event.topic == "notifications.events"]
    notified = [
        await listener.first(_caused_by(rematch), within=WITHIN, missing="a notification after the restart")
        for rematch in rematches
    ]
    # A duplicate would arrive before the notification of one more change.
    last = await _reorder(api, mentees[0], demo)
    await listener.first(_of(last, "notifications.events"), within=WITHIN, missing="one more notification")
    for rematch in rematches:
        assert len([event for event in listener.events if _caused_by(rematch)(event)]) == 1
    positions = [event.payload.position for event in notified if isinstance(event.payload, NotificationRecorded)]
    assert positions == [inbox.position + 1 for inbox in before]


async def test_a_mentorship_is_followed_from_the_request_to_a_reminder_after_silence(demo: Demo, api: Api) -> None:
    stages = demo.result.mentored.stages
    assert [event for stage in stages for event in stage.events] == [
        "request.made",
        "request.accepted",
        "relationship.opened",
        "mentorship.began",
        "agreement.proposed",
        "agreement.signed",
        "agreement.in_force",
        "mentorship.activated",
        "meeting.proposed",
        "meeting.agreed",
        "meeting.reminded",
        "meeting.held",
        "check_in.opened",
        "check_in.answered",
        "mentorship.silent",
    ]
    assert stages[-1].notified == ("mentee: mentorship-silent", "mentor: mentorship-silent")
    assert stages[-1].on - stages[0].on > timedelta(days=60)
    assert "RRULE:FREQ=MONTHLY;BYDAY=1FR" in demo.result.mentored.calendar
    assert "mentorship.silent" in demo.printed
    await api.operator().put("mentorships", "/test-clock", {"hours": 0})
    with pytest.raises(Refused, match="403"):
        await api.coordinator(PEOPLE[0].institution).put("mentorships", "/test-clock", {"hours": 1})


async def test_a_request_is_accepted_and_both_are_notified(demo: Demo, api: Api) -> None:
    mentee = demo.mentees()[-1]
    shortlist = (await lists_of(api, mentee))[0]
    mentor = demo.member(shortlist.items[0].mentor)
    await sign_in(api, [mentor])
    me, them = (api.member(member.institution, member.id) for member in (mentee, mentor))
    before = await inbox_of(api, mentee)
    wanted = {"programme": shortlist.programme, "mentor": mentor.id, "message": "May I learn from you?"}
    made = await me.post("matching", f"/mentees/{mentee.id}/requests", wanted)
    asked = await notification(api, mentor, "request-made")
    assert "would like you" in asked["title"] or "von Ihnen" in asked["title"]
    accepted = await when_known(lambda: them.post("matching", f"/requests/{made.json()['id']}/accept", {}))
    assert accepted.json()["state"] == "accepted"
    answered = await notification(api, mentee, "request-accepted")
    assert answered["position"] > before.position

    async def is_gone() -> bool | None:
        lists = await lists_of(api, mentee)
        return True if all(shortlist.rank_of(mentor.id) is None for shortlist in lists) else None

    await until(is_gone, clock=SystemClock(), within=WITHIN, missing="lists without the mentor they have now")


async def test_a_mentor_who_begins_to_assess_their_mentee_is_replaced(api: Api) -> None:
    home, care = "rotation-hospital", "rotation-care"
    await found(
        api,
        [NewInstitution(id=home, name="Rotation Hospital")],
        [Programme(id=care, name="Care", institution=home, admits=(home,))],
    )
    carla = api.coordinator(home)
    mentee, first, second = [await _joins(carla, care, role) for role in ("mentee", "mentor", "mentor")]
    await sign_in(api, [mentee, first, second])
    me, them = api.member(home, mentee.id), api.member(home, first.id)
    wanted = {"programme": care, "mentor": first.id, "message": ""}
    made = await when_known(lambda: me.post("matching", f"/mentees/{mentee.id}/requests", wanted))
    await when_known(lambda: them.post("matching", f"/requests/{made.json()['id']}/accept", {}))
    today = SystemClock().now().date().isoformat()
    rotation = {"id": "ward-3", "assessor": first.id, "assessed": mentee.id, "from": today, "to": today}

    await carla.post("matching", "/rotations", {"rotations": [rotation]})

    for member in (mentee, first):
        assert await notification(api, member, "conflict-detected")
    repair = await until(lambda: _proposed(carla, care), clock=SystemClock(), within=WITHIN, missing="a plan")
    await carla.post("matching", f"/repairs/{repair.json()['id']}/approve", etag=repair.headers["etag"])
    for member in (mentee, second):
        assert await notification(api, member, "relationship-opened")
    assert await notification(api, first, "relationship-closed")
    relationships = await me.pages("matching", "/me/relationships")
    [active] = [relationship for relationship in relationships if relationship["state"] == "active"]
    assert active["mentor"]["member"] == second.id


async def _joins(coordinator: Caller, programme: str, role: str) -> Member:
    id = SystemClock().new_id()
    body = {
        "name": f"Somebody {id}",
        "email": f"{id}@rotation.example",
        "enrolments": [{"programme": programme, "roles": [role]}],
        "topics_wanted": ["research"],
        "topics_offered": ["research"],
        "languages": ["en"],
        "formats": ["video"],
        "hours_per_month": 4,
        "capacity": 1,
    }
    return Member.model_validate((await coordinator.post("profiles", "/members", body)).json())


async def _proposed(coordinator: Caller, programme: str) -> httpx.Response | None:
    known = await coordinator.pages("matching", f"/programmes/{programme}/repairs")
    proposed = [repair["id"] for repair in known if repair["state"] == "proposed"]
    return await coordinator.get("matching", f"/repairs/{proposed[0]}") if proposed else None


@pytest.mark.usefixtures("demo")
def test_no_service_s_log_names_a_person(services: Running) -> None:
    for service in services.addresses:
        log = services.log(service)
        assert "service runs" in log
        assert _named_in(log) == set()


@asynccontextmanager
async def _down(services: Running, service: str) -> AsyncIterator[None]:
    await asyncio.to_thread(services.stop, service)
    try:
        yield
    finally:
        # In this thread: the service is tied to the thread that starts it.
        services.start(service)


async def _change(api: Api, member: Member, body: dict[str, object], other: dict[str, object]) -> str:
    """Changes to `body`, or to `other` where the profile is like `body` already. Returns the correlation id."""
    me = api.member(member.institution, member.id)
    seen = await me.get("profiles", "/me")
    wanted = other if body.items() <= seen.json().items() else body
    answer = await me.patch("profiles", "/me", wanted, etag=seen.headers["etag"])
    return str(answer.headers["x-correlation-id"])


async def _reorder(api: Api, mentee: Member, demo: Demo) -> str:
    """The mentee wants what their second mentor offers and their first does not."""
    shortlist = (await lists_of(api, mentee))[0]
    first, second = (demo.member(suggested.mentor).topics_offered for suggested in shortlist.items[:2])
    wanted = [topic for topic in second if topic not in first]
    return await _change(api, mentee, {"topics_wanted": wanted}, {"topics_wanted": wanted[:1]})


def _of(correlation: str, topic: str) -> Callable[[Event], bool]:
    return lambda event: event.topic == topic and event.envelope.trace.correlation_id == correlation


def _caused_by(rematch: Event) -> Callable[[Event], bool]:
    return lambda event: event.envelope.trace.causation_id == rematch.envelope.id


def _named_in(text: str) -> set[str]:
    """E-mail addresses and whole names of people in the rosters that the text contains."""
    files = SOURCES[1].rosters[0].files.values()
    own = [cell for content in files for cell in content.decode().split(",") if "@" in cell]
    private = [*own, *(word for person in PEOPLE for word in (person.name, person.email))]
    return {word for word in private if word in text}
