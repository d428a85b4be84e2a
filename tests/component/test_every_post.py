"""Every POST of the services, repeated after its process was killed between its commit and its answer.

The repetition is answered at once and changes nothing. Each service's requests are compared with its own document, so
that a new POST without a request here fails.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.kernel.due import DueWorker
from services.mentorships.lifecycle import domain as lifecycle
from shared.clock import SystemClock
from shared.contracts.payload import Recipient
from shared.mongo import Database
from tests.component import matching_kit, mentorships_kit, notifications_kit, profiles_kit
from tests.component.matching_kit import CARE, NORTH, SOUTH, Matching, mentee, mentor
from tests.component.mentorships_kit import MENTEE, MENTOR, MentorshipsService
from tests.component.profiles_kit import Network, Person

Json = dict[str, Any]
Send = Callable[[str], Awaitable[httpx.Response]]
"""Sends a request with this Idempotency-Key."""
_NOT_COMPARED = {"leases", "replicas", "idempotency"}
MAPPING = "sections: {people: {fields: {name: {column: name}, email: {column: email}}}}"
ROTATION = {"id": "r1", "assessor": "milo", "assessed": "ben", "from": "2027-01-04", "to": "2027-02-26"}
CSV = b"id,assessor,assessed,from,to\nr2,milo,ben,2027-01-04,2027-02-26\n"


@dataclass(slots=True)
class Repeating:
    database: Database
    tested: set[str] = field(default_factory=set)

    async def repeat(self, route: str, send: Send, *, answer_is_lost: bool = False) -> Any:
        """The first answer's body. `answer_is_lost`: nothing that is stored can make the same answer again."""
        self.tested.add(route)
        key = SystemClock().new_id()
        first = await send(key)
        assert first.is_success, f"{route}: {first.status_code} {first.text}"
        stored = await self._stored()
        unanswered = [{"$set": {"status": None, "at": "$$NOW"}}, {"$unset": ["body", "headers"]}]
        await self.database["idempotency"].update_many({}, unanswered)
        again = await send(key)
        outcome = (again.status_code, again.json().get("type") if again.content else None)
        lost = (409, "urn:preceptor:problem:answered_once")
        assert outcome == (lost if answer_is_lost else (first.status_code, None)), f"{route}: {again.text}"
        assert await self._stored() == stored, f"{route}: the repetition changed something"
        return first.json() if first.content else None

    async def _stored(self) -> Mapping[str, str]:
        hashes = (await self.database.command("dbHash"))["collections"]
        return {name: digest for name, digest in hashes.items() if name not in _NOT_COMPARED}

    def covers(self, document: Json) -> None:
        posts = {path for path, operations in document["paths"].items() if "post" in operations}
        assert self.tested == posts


@pytest.fixture
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with profiles_kit.running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with matching_kit.asking(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        yield matching


async def test_every_post_of_profiles_takes_effect_once_and_is_answered_without_a_wait(network: Network) -> None:
    repeating = Repeating(network.database)

    def post(by: Person, path: str, body: Json | None = None) -> Send:
        return lambda key: by.post(path, body, key=key)

    await repeating.repeat("/institutions", post(network.operator, "/institutions", {"id": "here", "name": "Here"}))
    here, there = network.coordinator("here"), await network.institution("there")
    shared = {"name": "Care", "admits": ["there"]}
    programme = await repeating.repeat("/programmes", post(here, "/programmes", shared))
    admission = f"/admissions/{programme['id']}/agree"
    await repeating.repeat("/admissions/{programme}/{answer}", post(there, admission))
    enrolled = [{"programme": programme["id"], "roles": ["mentee"]}]
    ada = {"name": "Ada", "email": "ada@example.org", "affiliations": ["there"], "enrolments": enrolled}
    member = (await repeating.repeat("/members", post(here, "/members", ada)))["id"]
    affiliation = f"/affiliations/{member}/agree"
    await repeating.repeat("/affiliations/{member}/{answer}", post(there, affiliation))
    await repeating.repeat("/members/{member}/{command}", post(here, f"/members/{member}/pause"))
    invitations = f"/members/{member}/invitations"
    await repeating.repeat("/members/{member}/invitations", post(here, invitations), answer_is_lost=True)
    await here.post("/members", {"name": "Bo", "email": "bo@example.org", "enrolments": enrolled})
    by_mail = post(here, f"/programmes/{programme['id']}/invitations", {"way": "mail", "to": "not_invited"})
    await repeating.repeat("/programmes/{programme}/invitations", by_mail)
    code = {"code": (await here.post(invitations)).json()["code"]}
    person = network.sign_in("ada", "here", "member")
    await repeating.repeat("/invitations/accept", post(person, "/invitations/accept", code))
    ask = post(here, f"/members/{member}/erasure")
    erasure = (await repeating.repeat("/members/{member}/erasure", ask))["id"]
    withdraw = post(here, f"/erasures/{erasure}/withdraw")
    await repeating.repeat("/erasures/{erasure}/withdraw", withdraw, answer_is_lost=True)
    await here.post(f"/members/{member}/erasure")
    await repeating.repeat("/me/erasure/withdraw", post(person, "/me/erasure/withdraw"), answer_is_lost=True)
    term = {"id": "sepsis", "kind": "topic", "labels": {"en": "Sepsis"}}
    await repeating.repeat("/vocabulary/terms", post(network.operator, "/vocabulary/terms", term))
    name = post(here, "/vocabulary/terms/sepsis/names", {"name": "Blutvergiftung"})
    await repeating.repeat("/vocabulary/terms/{term}/names", name)
    edition = {"terms": [term, {**term, "id": "shock", "labels": {"en": "Shock"}}]}
    editions = post(network.operator, "/vocabulary/editions", edition)
    await repeating.repeat("/vocabulary/editions", editions)
    file = b"name,email\nCy,cy@example.org\n"
    roster = (await repeating.repeat("/rosters", lambda key: here.upload(file, MAPPING, key=key)))["id"]
    finished = {"$set": {"state": "done", "finished_at": SystemClock().now()}}
    await network.database["rosters"].update_one({"_id": roster}, finished)
    await repeating.repeat("/rosters/{roster}/undo", post(here, f"/rosters/{roster}/undo"))
    repeating.covers(network.service.app.openapi())


async def test_every_post_of_matching_takes_effect_once_and_is_answered_without_a_wait(matching: Matching) -> None:
    posts = Posts(matching)
    await posts.of_members()
    await posts.of_moves()
    await posts.of_pairs_by_hand()
    await posts.of_rotations()
    await posts.of_rounds()
    await posts.of_repairs()
    await posts.of_rehearsals()
    posts.repeating.covers(matching.service.app.openapi())


class Posts:
    def __init__(self, matching: Matching) -> None:
        self.repeating = Repeating(matching.database)
        self._matching = matching

    async def of_members(self) -> None:
        ask = {"programme": CARE, "message": "May I?"}
        asks = self._post("/mentees/ana/requests", "ana", mentor="mara", **ask)
        request = (await self.repeating.repeat("/mentees/{mentee}/requests", asks))["id"]
        withdraw = self._post(f"/requests/{request}/withdraw", "ana", version=1)
        await self.repeating.repeat("/requests/{request}/withdraw", withdraw)
        request = await self._matching.request_mentor("ana", "milo")
        decline = self._post(f"/requests/{request}/decline", "milo", version=1)
        await self.repeating.repeat("/requests/{request}/decline", decline)
        request = await self._matching.request_mentor("ben", "milo")
        accept = self._post(f"/requests/{request}/accept", "milo", version=1)
        relationship = (await self.repeating.repeat("/requests/{request}/accept", accept))["relationship"]
        for version, verb in enumerate(("pause", "resume", "close"), start=1):
            act = self._post(f"/relationships/{relationship}/{verb}", "ben", version=version)
            await self.repeating.repeat(f"/relationships/{{relationship}}/{verb}", act)

    async def of_moves(self) -> None:
        """Bo is the same person as Bea of the South."""
        await self._matching.join(mentor("max"), mentee("bo"), mentee("bea", SOUTH))
        request = await self._matching.request_mentor("bo", "max")
        await self._matching.answer_request("max", request, "accept")
        await self.repeating.repeat("/moves", self._post("/moves", "bo"), answer_is_lost=True)
        code = (await self._matching.post("/moves", "bo")).json()["code"]
        await self.repeating.repeat("/moves/enter", self._post("/moves/enter", "bea", institution=SOUTH, code=code))

    async def of_pairs_by_hand(self) -> None:
        path = f"/programmes/{CARE}/relationships"
        add = self._order(path, mentee="ana", mentor="mara")
        pair = (await self.repeating.repeat("/programmes/{programme}/relationships", add))["id"]
        end = self._order(f"{path}/{pair}/end", version=1)
        await self.repeating.repeat("/programmes/{programme}/relationships/{relationship}/end", end)

    async def of_rotations(self) -> None:
        enter = self._post("/rotations", "hr", role="integrator", rotations=[ROTATION])
        await self.repeating.repeat("/rotations", enter)
        token = self._matching.issuer.token("hr", institution=NORTH, roles=["integrator"])

        def upload(key: str) -> Awaitable[httpx.Response]:
            headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
            return self._matching.client.post("/rotations/upload", headers=headers, files={"file": ("r.csv", CSV)})

        await self.repeating.repeat("/rotations/upload", upload)

    async def of_rounds(self) -> None:
        path = f"/programmes/{CARE}/rounds"
        first = (await self.repeating.repeat("/programmes/{programme}/rounds", self._order(path)))["id"]
        version = await self._becomes("rounds", first, "pending")
        target = self._order(f"/rounds/{first}/target", version=version, target="coverage")
        await self.repeating.repeat("/rounds/{round}/target", target)
        version = await self._becomes("rounds", first, "pending")
        await self.repeating.repeat("/rounds/{round}/drop", self._order(f"/rounds/{first}/drop", version=version))
        second = (await self._order(path)(SystemClock().new_id())).json()["id"]
        version = await self._becomes("rounds", second, "pending")
        publish = self._order(f"/rounds/{second}/publish", version=version)
        await self.repeating.repeat("/rounds/{round}/publish", publish)

    async def of_repairs(self) -> None:
        path = f"/programmes/{CARE}/repairs"
        first = (await self.repeating.repeat("/programmes/{programme}/repairs", self._order(path)))["id"]
        await self.repeating.repeat("/repairs/{repair}/drop", self._order(f"/repairs/{first}/drop", version=1))
        second = (await self._order(path)(SystemClock().new_id())).json()["id"]
        await self.repeating.repeat("/programmes/{programme}/repairs", self._order(path), answer_is_lost=True)
        version = await self._becomes("repairs", second, "proposed")
        approve = self._order(f"/repairs/{second}/approve", version=version)
        await self.repeating.repeat("/repairs/{repair}/approve", approve)

    async def of_rehearsals(self) -> None:
        begin = self._order(f"/programmes/{CARE}/rehearsals", weights={"topics": 80})
        simulation = (await self.repeating.repeat("/programmes/{programme}/rehearsals", begin))["id"]
        drop = self._order(f"/rehearsals/{simulation}/drop", version=1)
        await self.repeating.repeat("/rehearsals/{simulation}/drop", drop)

    def _post(self, path: str, who: str, **options: Any) -> Send:
        return lambda key: self._matching.post(path, who, key=key, **options)

    def _order(self, path: str, **options: Any) -> Send:
        return self._post(path, "carla", role="coordinator", **options)

    async def _becomes(self, collection: str, id: str, state: str) -> int:
        """As a worker would leave it; its version."""
        changed = {"$set": {"state": state}, "$inc": {"version": 1}}
        await self._matching.database[collection].update_one({"_id": id}, changed)
        return int((await self._matching.database[collection].find_one({"_id": id}) or {})["version"])


async def test_every_post_of_mentorships_takes_effect_once_and_is_answered_without_a_wait(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with mentorships_kit.serving(mongo_uri, kafka_bootstrap, issuer, "api") as mentorships:
        for person in (MENTEE, MENTOR):
            await mentorships.knows(person)
        repeating = Repeating(mentorships.database)

        def post(path: str, body: Json | None = None) -> Send:
            return lambda key: mentorships.post(MENTEE, path, body, key=key)

        introduction = await mentorships.opened()
        goals = f"/mentorships/{introduction}/goals"
        goal = (await repeating.repeat("/mentorships/{mentorship}/goals", post(goals, {"title": "Publish"})))["id"]
        comment = post(f"/goals/{goal}/comments", {"text": "Begun."})
        await repeating.repeat("/goals/{goal}/comments", comment)
        complete = post(f"/goals/{goal}/complete")
        await repeating.repeat("/goals/{goal}/{command}", complete, answer_is_lost=True)
        await _repeat_meetings(repeating, mentorships, introduction)
        await _repeat_flash_slots(repeating, mentorships)
        await _repeat_visits(repeating, mentorships)
        await _repeat_groups(repeating, mentorships)
        messages, text = f"/mentorships/{introduction}/messages", {"text": "Shall we begin?"}
        await repeating.repeat("/mentorships/{mentorship}/messages", post(messages, text))
        received = (await mentorships.post(MENTOR, messages, text)).json()["id"]
        report = post(f"/messages/{received}/report", {"reason": "other"})
        await repeating.repeat("/messages/{message}/report", report)
        await _repeat_agreement(repeating, mentorships, introduction)
        await _repeat_support(repeating, mentorships, introduction)
        leave = post(f"/mentorships/{introduction}/leave")
        await repeating.repeat("/mentorships/{mentorship}/leave", leave, answer_is_lost=True)
        silent = await mentorships.opened(at=mentorships.clock.now() - timedelta(days=100))
        mentorships.clock.ahead += timedelta(days=61)
        await DueWorker(mentorships.mentorships, lifecycle.pass_time, mentorships.clock).work()
        await repeating.repeat("/mentorships/{mentorship}/go-on", post(f"/mentorships/{silent}/go-on"))
        repeating.covers((await mentorships.http.get("/openapi.json")).json())


async def _repeat_agreement(repeating: Repeating, service: MentorshipsService, mentorship: str) -> None:
    path, route = f"/mentorships/{mentorship}/agreement", "/mentorships/{mentorship}/agreement"
    terms = {
        "interval_days": 30,
        "length_months": 12,
        "review_on": (service.clock.now() + timedelta(days=60)).date().isoformat(),
    }

    def draft(key: str) -> Awaitable[httpx.Response]:
        return service.post(MENTEE, f"{path}/draft", {}, key=key)

    def propose(key: str) -> Awaitable[httpx.Response]:
        headers = service.headers(MENTEE) | {"Idempotency-Key": key, "If-Match": '"1"'}
        body = {"clauses": {"goals": "A paper."}, "terms": terms}
        return service.http.post(f"{path}/versions", json=body, headers=headers)

    def sign(key: str) -> Awaitable[httpx.Response]:
        return service.post(MENTEE, f"{path}/versions/2/sign", key=key)

    await repeating.repeat(f"{route}/draft", draft, answer_is_lost=True)
    await repeating.repeat(f"{route}/versions", propose, answer_is_lost=True)
    await repeating.repeat(f"{route}/versions/{{number}}/sign", sign)
    withdraw = f"{path}/versions/2/withdraw"
    await repeating.repeat(f"{route}/versions/{{number}}/withdraw", lambda key: service.post(MENTEE, withdraw, key=key))


async def _repeat_support(repeating: Repeating, service: MentorshipsService, mentorship: str) -> None:
    cora = Recipient(member="cora", institution=MENTEE.institution)

    def list_(key: str) -> Awaitable[httpx.Response]:
        headers = service.headers(cora, roles=["institution_coordinator"]) | {"Idempotency-Key": key}
        entry = {"member": MENTEE.member, "role": "ombudsperson"}
        return service.http.post("/institution/hearers", json=entry, headers=headers)

    hearer = (await repeating.repeat("/institution/hearers", list_))["id"]
    accept = f"/hearers/{hearer}/accept"
    await repeating.repeat("/hearers/{hearer}/accept", lambda key: service.post(MENTEE, accept, key=key))
    path, body = f"/mentorships/{mentorship}/support", {"hearer": "mentor", "kind": "safety", "text": "May I call?"}
    asked = await repeating.repeat(
        "/mentorships/{mentorship}/support", lambda key: service.post(MENTEE, path, body, key=key)
    )
    close = f"/support/{asked['id']}/close"
    await repeating.repeat("/support/{support}/close", lambda key: service.post(MENTEE, close, key=key))


async def _repeat_meetings(repeating: Repeating, service: MentorshipsService, mentorship: str) -> None:
    """A meeting that is proposed, agreed, held and cancelled, one that is declined, and a calendar's address."""
    mentee, mentor = mentorships_kit.MENTEE, mentorships_kit.MENTOR
    starts = service.clock.now() + timedelta(days=1)
    plan = {"starts": starts.strftime("%Y-%m-%dT%H:%M"), "zone": "UTC", "minutes": 30}

    def post(path: str, body: Json | None = None, *, by: Recipient = mentee, **headers: str) -> Send:
        def send(key: str) -> Awaitable[httpx.Response]:
            sent = {**service.headers(by), "Idempotency-Key": key, **headers}
            return service.http.post(path, json=body, headers=sent)

        return send

    proposing = post(f"/mentorships/{mentorship}/meetings", plan)
    series = (await repeating.repeat("/mentorships/{mentorship}/meetings", proposing))["id"]
    agreeing = post(f"/meetings/{series}/agree", by=mentor, **{"If-Match": '"1"'})
    await repeating.repeat("/meetings/{series}/agree", agreeing, answer_is_lost=True)
    service.clock.ahead += timedelta(days=1, hours=1)
    held = post(f"/meetings/{series}/occurrences/{plan['starts']}/held")
    await repeating.repeat("/meetings/{series}/occurrences/{meeting}/{outcome}", held)
    await repeating.repeat("/meetings/{series}/cancel", post(f"/meetings/{series}/cancel"), answer_is_lost=True)
    plan["starts"] = (service.clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    other = (await service.post(mentee, f"/mentorships/{mentorship}/meetings", plan)).json()["id"]
    await repeating.repeat("/meetings/{series}/decline", post(f"/meetings/{other}/decline"), answer_is_lost=True)
    await repeating.repeat("/me/calendar", post("/me/calendar"), answer_is_lost=True)


async def _repeat_flash_slots(repeating: Repeating, service: MentorshipsService) -> None:
    """A slot that is booked and held, and one that is withdrawn."""
    await service.knows_programme()
    starts = service.clock.now() + timedelta(days=1)
    window = {"starts": f"{starts:%Y-%m-%dT%H:%M}", "ends": f"{starts + timedelta(hours=1):%Y-%m-%dT%H:%M}"}
    path, body = f"/programmes/{mentorships_kit.PROGRAMME}/flash-slots", {**window, "zone": "UTC", "minutes": 30}
    offered = await repeating.repeat(
        "/programmes/{programme}/flash-slots", lambda key: service.post(MENTOR, path, body, key=key)
    )
    first, second = (f"/flash-slots/{slot['id']}" for slot in offered["items"])
    await repeating.repeat("/flash-slots/{slot}/book", lambda key: service.post(MENTEE, f"{first}/book", {}, key=key))
    cancel = "/flash-slots/{slot}/cancel"
    await repeating.repeat(cancel, lambda key: service.post(MENTOR, f"{second}/cancel", key=key), answer_is_lost=True)
    service.clock.ahead += timedelta(days=1, hours=1)
    held = f"{first}/outcome/held"
    await repeating.repeat("/flash-slots/{slot}/outcome/{outcome}", lambda key: service.post(MENTOR, held, key=key))


async def _repeat_visits(repeating: Repeating, service: MentorshipsService) -> None:
    """A visit that is held, and one that is cancelled."""
    starts = f"{service.clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
    body = {"starts": starts, "zone": "UTC", "minutes": 30, "school": "North School"}
    path = "/me/outreach-visits"
    first = (await repeating.repeat(path, lambda key: service.post(MENTOR, path, body, key=key)))["id"]
    second = (await service.post(MENTOR, path, body)).json()["id"]
    cancel = f"/outreach-visits/{second}/cancel"
    await repeating.repeat(
        "/outreach-visits/{visit}/cancel", lambda key: service.post(MENTOR, cancel, key=key), answer_is_lost=True
    )
    service.clock.ahead += timedelta(days=2)
    held = f"/outreach-visits/{first}/held"
    await repeating.repeat(
        "/outreach-visits/{visit}/held",
        lambda key: service.post(MENTOR, held, {"pupils": 20}, key=key),
        answer_is_lost=True,
    )


async def _repeat_groups(repeating: Repeating, service: MentorshipsService) -> None:
    """A group that signs, meets and is left."""
    mentees = [Recipient(member=name, institution=MENTEE.institution) for name in ("zoe", "tom")]
    mentorships = [await service.active(mentee, MENTOR) for mentee in mentees]
    path, body = f"/programmes/{mentorships_kit.PROGRAMME}/groups", {"mentorships": mentorships, "terms": "Be kind."}
    opened = await repeating.repeat(
        "/programmes/{programme}/groups", lambda key: service.post(MENTOR, path, body, key=key)
    )
    at = f"/groups/{opened['id']}"
    sign = "/groups/{group}/terms/{number}/sign"
    for person in mentees:
        await repeating.repeat(sign, partial(_post_as, service, person, f"{at}/terms/1/sign"))
    starts = service.clock.now() + timedelta(days=1)
    plan = {"starts": f"{starts:%Y-%m-%dT%H:%M}", "zone": "UTC", "minutes": 30}
    await service.put(MENTOR, f"{at}/meetings", plan)
    service.clock.ahead += timedelta(days=2)
    held = f"{at}/meetings/{plan['starts']}/held"
    await repeating.repeat("/groups/{group}/meetings/{meeting}/held", partial(_post_as, service, MENTOR, held))
    await repeating.repeat(
        "/groups/{group}/leave", partial(_post_as, service, MENTOR, f"{at}/leave"), answer_is_lost=True
    )


async def _post_as(service: MentorshipsService, person: Recipient, path: str, key: str) -> httpx.Response:
    return await service.post(person, path, key=key)


async def test_every_post_of_notifications_takes_effect_once_and_is_answered_without_a_wait(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with notifications_kit.sharing(mongo_uri, kafka_bootstrap, issuer) as notifications:
        await notifications.knows("ana")
        await notifications.tell(notifications_kit.event("ana"))
        [first] = (await notifications.inbox("ana"))["items"]
        repeating = Repeating(notifications.database)

        def post(path: str, **body: int) -> Send:
            return lambda key: notifications.http.post(
                path, headers={**notifications.headers("ana"), "Idempotency-Key": key}, json=body or None
            )

        await repeating.repeat("/inbox/{notification}/read", post(f"/inbox/{first['id']}/read"))
        await notifications.tell(notifications_kit.event("ana", ranked=[("bea", "north")], entered=["bea"], version=2))
        await repeating.repeat("/inbox/read", post("/inbox/read", up_to=100))
        await repeating.repeat("/inbox/stream/tickets", post("/inbox/stream/tickets"), answer_is_lost=True)
        token = issuer.token("mail", institution="north", roles=["integrator"])

        def report(key: str) -> Awaitable[httpx.Response]:
            headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
            body = {"reports": [{"kind": "complaint", "address": "ana@example.org"}]}
            return notifications.http.post("/mail-reports", headers=headers, json=body)

        await repeating.repeat("/mail-reports", report)
        repeating.covers((await notifications.http.get("/openapi.json")).json())


async def test_a_repetition_that_would_change_something_again_is_refused(matching: Matching) -> None:
    """The mentor resumed what the mentee had paused: the mentee's pause, sent again, does not pause it again."""
    request = await matching.request_mentor("ben", "milo")
    relationship = (await matching.answer_request("milo", request, "accept"))["relationship"]
    key = SystemClock().new_id()
    path = f"/relationships/{relationship}"
    paused = await matching.post(f"{path}/pause", "ben", key=key)
    assert paused.status_code == 200, paused.text
    left = [{"$set": {"status": None, "at": "$$NOW"}}, {"$unset": ["body", "headers"]}]
    await matching.database["idempotency"].update_many({}, left)
    assert (await matching.post(f"{path}/resume", "milo")).status_code == 200
    again = await matching.post(f"{path}/pause", "ben", key=key)
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:answered_once")
    seen = await matching.get(path, "ben", NORTH)
    assert seen.json()["state"] == "active"
