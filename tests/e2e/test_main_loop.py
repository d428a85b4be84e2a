"""A roster goes in, people are matched and told: the demo's job on a smaller network, and what must hold around it."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
from rich.console import Console

from deploy.demo import rosters, run
from deploy.demo.api import Api, Caller, Refused, opened, until
from deploy.demo.following import COALESCED_SECONDS
from deploy.demo.founding import Enrolled, Founded, found, sign_in
from deploy.demo.listening import Heard, Listener, listening
from deploy.demo.network import Programme, people
from deploy.demo.reading import inbox_of, lists_of
from deploy.demo.result import Result
from deploy.demo.rosters import Counts, take_in
from services.matching.kernel.shards import SHARDS
from shared.clock import SystemClock
from shared.contracts.notifications import NotificationRecorded
from tests.e2e.conftest import Running
from tests.e2e.inboxes import WITHIN, told, when_known

PEOPLE = list(people(60))
SOURCES = (rosters.medical(PEOPLE), rosters.own())
pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True, slots=True)
class Demo:
    result: Result
    printed: str

    def member(self, id: str) -> Enrolled:
        return next(one for one in self.result.members if one.id == id)

    def mentees(self, *, programmes: int = 1) -> list[Enrolled]:
        """Of whom each has mentors on each list."""
        matched = {one.mentee for one in self.result.lists if len(one.suggested) > 1}
        return [one for one in self.result.members if one.id in matched and len(one.mentee_in) == programmes]


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
    assert demo.result.imports == {"medical network": Counts(created=60), "Rowan Rural": Counts(created=18, updated=2)}
    assert len(demo.result.members) == 78


def test_every_enrolled_mentee_has_a_list_with_reasons_or_the_reason_for_none(demo: Demo) -> None:
    enrolments = {f"{programme}.{one.id}" for one in demo.result.members for programme in one.mentee_in}
    assert {one.enrolment for one in demo.result.lists} == enrolments
    assert all(one.says_something for one in demo.result.lists)
    assert all(one.explanation for one in demo.result.unmatched)
    assert {"no_common_language", "profile_incomplete"} <= {one.unmatched for one in demo.result.unmatched}


def test_every_mentee_has_been_told_in_their_inbox(demo: Demo) -> None:
    assert {one.member for one in demo.result.inboxes} == {one.id for one in demo.result.members if one.mentee_in}
    assert all(one.unread for one in demo.result.inboxes)


async def test_coordinators_find_the_same_mentees_unmatched_for_the_same_reasons(demo: Demo, api: Api) -> None:
    seen = {
        (one["mentee"], programme.id, one["reason"]["code"])
        for source in SOURCES
        for programme in source.programmes
        for institution in programme.admits
        for one in await api.coordinator(institution).pages("matching", f"/programmes/{programme.id}/unmatched")
    }
    assert seen == {(one.mentee, one.programme, one.unmatched) for one in demo.result.unmatched}


def test_a_mentee_s_own_change_reached_their_inbox_under_one_correlation_id(demo: Demo) -> None:
    own, _ = demo.result.followed
    assert (own.lists, own.correlated, own.is_gathered) == (1, 1, False)
    assert own.hops[-2].at_ms < COALESCED_SECONDS * 1000
    assert own.title


def test_a_last_seat_taken_left_every_list_that_named_it(demo: Demo) -> None:
    _, others = demo.result.followed
    assert others.is_gathered
    assert others.lists == others.correlated > 0
    assert others.last_list_ms > COALESCED_SECONDS * 1000 * 0.9


async def test_operators_see_that_all_shards_are_held_and_nothing_waits(demo: Demo, api: Api) -> None:
    assert demo.result.lists
    assert await api.metric("matching", "matching_shards_held") == SHARDS
    assert await api.metric("matching", "matching_renewals_waiting") == 0


def test_the_summary_is_one_that_people_can_read_and_names_nobody(demo: Demo) -> None:
    for word in ("People", "Lists", "Unmatched", "no_common_language", "matching.events", "One mentee's list"):
        assert word in demo.printed
    assert _named_in(demo.printed) == set()


async def test_the_same_rosters_again_change_nothing_and_publish_nothing(
    demo: Demo, api: Api, listener: Listener
) -> None:
    again = {source.name: [await take_in(api, roster) for roster in source.rosters] for source in SOURCES}
    counts = {name: sum(each, start=Counts()) for name, each in again.items()}
    assert counts == {"medical network": Counts(unchanged=60), "Rowan Rural": Counts(unchanged=20)}
    sentinel = demo.mentees()[0]
    correlation = await _change(api, sentinel, {"style": "listener"}, {"style": "coach"})
    await listener.first(_of(correlation, "profiles.members"), within=WITHIN, missing="the sentinel")
    assert {one.envelope.trace.correlation_id for one in listener.heard if one.topic == "profiles.members"} == {
        correlation
    }


async def test_another_tenant_finds_nobody(demo: Demo, api: Api) -> None:
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


async def test_the_same_sign_in_at_another_institution_is_nobody_there(demo: Demo, api: Api) -> None:
    elsewhere = replace(demo.mentees()[0], institution="nowhere-hospital")
    for reads in (lists_of, inbox_of):
        with pytest.raises(Refused) as refused:
            await reads(api, elsewhere)
        assert refused.value.status in {403, 404}
    with pytest.raises(Refused) as refused:
        await api.member(elsewhere.institution, elsewhere.id).get("profiles", "/me")
    assert refused.value.status == 404


async def test_matching_works_while_notifications_is_down_and_each_change_is_told_once_afterwards(
    demo: Demo, services: Running, api: Api, listener: Listener
) -> None:
    mentees = demo.mentees()[:3]
    before = [await inbox_of(api, mentee) for mentee in mentees]
    lists = [await lists_of(api, mentee) for mentee in mentees]
    async with _down(services, "notifications"):
        correlations = [await _turn(api, mentee, demo) for mentee in mentees]
        rematches = [
            await listener.first(
                _of(correlation, "matching.events"), within=WITHIN, missing="a list, notifications being down"
            )
            for correlation in correlations
        ]
        assert [await lists_of(api, mentee) for mentee in mentees] != lists
        assert not [one for one in listener.heard if one.topic == "notifications.events"]
    told = [
        await listener.first(_caused_by(rematch), within=WITHIN, missing="a notification after the restart")
        for rematch in rematches
    ]
    # Whatever would come twice comes before the answer to one more change.
    last = await _turn(api, mentees[0], demo)
    await listener.first(_of(last, "notifications.events"), within=WITHIN, missing="one more notification")
    for rematch in rematches:
        assert len([one for one in listener.heard if _caused_by(rematch)(one)]) == 1
    positions = [one.payload.position for one in told if isinstance(one.payload, NotificationRecorded)]
    assert positions == [inbox.position + 1 for inbox in before]


async def test_a_mentee_asks_a_mentor_says_yes_and_both_hear_of_it(demo: Demo, api: Api) -> None:
    mentee = demo.mentees()[-1]
    shortlist = (await lists_of(api, mentee))[0]
    mentor = demo.member(shortlist.suggested[0].mentor)
    await sign_in(api, [mentor])
    me, them = (api.member(one.institution, one.id) for one in (mentee, mentor))
    before = await inbox_of(api, mentee)
    wanted = {"programme": shortlist.programme, "mentor": mentor.id, "message": "May I learn from you?"}
    made = await me.post("matching", f"/mentees/{mentee.id}/requests", wanted)
    asked = await told(api, mentor, "request-made")
    assert "would like you" in asked["title"] or "von Ihnen" in asked["title"]
    accepted = await when_known(lambda: them.post("matching", f"/requests/{made.json()['id']}/accept", {}))
    assert accepted.json()["state"] == "accepted"
    heard = await told(api, mentee, "request-accepted")
    assert heard["position"] > before.position

    async def is_gone() -> bool | None:
        lists = await lists_of(api, mentee)
        return True if all(one.rank_of(mentor.id) is None for one in lists) else None

    await until(is_gone, clock=SystemClock(), within=WITHIN, missing="lists without the mentor they have now")


async def test_who_begins_to_assess_their_mentee_gives_way_to_another_mentor(api: Api) -> None:
    home, care = "rotation-hospital", "rotation-care"
    await found(
        api,
        [Founded(id=home, name="Rotation Hospital")],
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

    for one in (mentee, first):
        assert await told(api, one, "conflict-detected")
    repair = await until(lambda: _proposed(carla, care), clock=SystemClock(), within=WITHIN, missing="a plan")
    await carla.post("matching", f"/repairs/{repair.json()['id']}/approve", etag=repair.headers["etag"])
    for one in (mentee, second):
        assert await told(api, one, "relationship-opened")
    assert await told(api, first, "relationship-closed")
    [now] = [one for one in await me.pages("matching", "/me/relationships") if one["state"] == "active"]
    assert now["mentor"]["member"] == second.id


async def _joins(coordinator: Caller, programme: str, role: str) -> Enrolled:
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
    return Enrolled.of((await coordinator.post("profiles", "/members", body)).json())


async def _proposed(coordinator: Caller, programme: str) -> httpx.Response | None:
    known = await coordinator.pages("matching", f"/programmes/{programme}/repairs")
    proposed = [one["id"] for one in known if one["state"] == "proposed"]
    return await coordinator.get("matching", f"/repairs/{proposed[0]}") if proposed else None


@pytest.mark.usefixtures("demo")
def test_no_service_s_log_names_anybody(services: Running) -> None:
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
        # From this thread: the service is tied to whichever starts it.
        services.start(service)


async def _change(api: Api, who: Enrolled, body: dict[str, object], other: dict[str, object]) -> str:
    """To `body`, or where that is how it is to `other`. Returns the correlation id."""
    me = api.member(who.institution, who.id)
    seen = await me.get("profiles", "/me")
    wanted = other if body.items() <= seen.json().items() else body
    answer = await me.patch("profiles", "/me", wanted, etag=seen.headers["etag"])
    return str(answer.headers["x-correlation-id"])


async def _turn(api: Api, mentee: Enrolled, demo: Demo) -> str:
    """Wants what their second mentor offers and their first does not."""
    shortlist = (await lists_of(api, mentee))[0]
    first, second = (demo.member(one.mentor).topics_offered for one in shortlist.suggested[:2])
    wanted = [topic for topic in second if topic not in first]
    return await _change(api, mentee, {"topics_wanted": wanted}, {"topics_wanted": wanted[:1]})


def _of(correlation: str, topic: str) -> Callable[[Heard], bool]:
    return lambda heard: heard.topic == topic and heard.envelope.trace.correlation_id == correlation


def _caused_by(rematch: Heard) -> Callable[[Heard], bool]:
    return lambda heard: heard.envelope.trace.causation_id == rematch.envelope.id


def _named_in(text: str) -> set[str]:
    """E-mail addresses and whole names of whoever stands in a roster, and is named in the text."""
    own = [cell for file in SOURCES[1].rosters[0].files for cell in file.content.decode().split(",") if "@" in cell]
    private = [*own, *(word for person in PEOPLE for word in (person.name, person.email))]
    return {word for word in private if word in text}
