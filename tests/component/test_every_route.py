"""Every route of the services, taken from their own documents, as somebody asks who may not."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from shared.contracts.payload import Recipient
from shared.mongo import Database
from tests.component import matching_kit, mentorships_kit, notifications_kit, profiles_kit
from tests.component.matching_kit import CARE, NORTH, SOUTH
from tests.component.mentorships_kit import MentorshipsService

Json = dict[str, Any]
UNKNOWN = "nobody-knows"
_MAPPING = b"sections: {people: {fields: {name: {column: name}, email: {column: email}}}}"
_MOVING = {"leases", "replicas", "idempotency"}
"""What changes without a request, and what is stored of the request."""


@dataclass(frozen=True, slots=True)
class Served:
    """One service with something of the first institution's in it, and people of the second who ask."""

    client: httpx.AsyncClient
    database: Database
    document: Json
    theirs: Mapping[str, str]
    strangers: Mapping[str, str]

    def routes(self) -> Iterator[tuple[str, str, Json]]:
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                yield method.upper(), path, operation

    async def ask(
        self,
        method: str,
        path: str,
        operation: Json,
        token: str | None,
        ids: Mapping[str, str],
        *,
        more: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        headers = {"idempotency-key": SystemClock().new_id(), "if-match": '"1"'}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        sent = self._body(operation)
        asked = [parameter for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
        takes = {parameter["name"] for parameter in asked}
        given = {
            "programme": ids.get("programme", UNKNOWN),
            "ids": ids.get("member", UNKNOWN),
            "before": "1",
            "after": "2",
        }
        query = {name: value for name, value in given.items() if name in takes}
        query = {parameter["name"]: "Ada" for parameter in asked if parameter.get("required")} | query
        url = self._filled(path, operation, ids)
        return await self.client.request(method, url, headers=headers, params={**query, **(more or {})}, **sent)

    def _filled(self, path: str, operation: Json, ids: Mapping[str, str]) -> str:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                name, values = parameter["name"], parameter["schema"].get("enum")
                unknown = "1" if parameter["schema"].get("type") == "integer" else UNKNOWN
                path = path.replace(f"{{{name}}}", values[0] if values else ids.get(name, unknown))
        return path

    def _body(self, operation: Json) -> Json:
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            files = {"file": ("f.csv", b"name,email\nA,a@x.org\n"), "mapping": ("m.yaml", _MAPPING)}
            return {"data": {"section": "people"}, "files": files}
        if not content:
            return {}
        name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        return {"json": self.document["components"]["schemas"][name]["example"]}

    async def state(self) -> Mapping[str, str]:
        hashes = (await self.database.command("dbHash"))["collections"]
        return {name: digest for name, digest in hashes.items() if name not in _MOVING}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    """An issuer that may speak for two institutions."""
    issuer = LocalIssuer.load_or_create(tmp_path_factory.mktemp("two"))
    (registered,) = json.loads(issuer.issuers_file.read_text())
    issuer.issuers_file.write_text(json.dumps([{**registered, "institutions": [NORTH, SOUTH]}]))
    return issuer


@pytest.fixture(scope="module", params=["profiles", "matching", "mentorships", "notifications"])
async def served(
    request: pytest.FixtureRequest, mongo_uri: str, kafka_bootstrap: str, two: LocalIssuer
) -> AsyncIterator[Served]:
    make = {
        "profiles": _profiles,
        "matching": _matching,
        "mentorships": _mentorships,
        "notifications": _notifications,
    }
    async with make[request.param](mongo_uri, kafka_bootstrap, two) as served:
        yield served


@asynccontextmanager
async def _profiles(mongo_uri: str, bootstrap: str, two: LocalIssuer) -> AsyncIterator[Served]:
    async with profiles_kit.running(mongo_uri, bootstrap, two) as network:
        north, south = await network.institution(NORTH), await network.institution(SOUTH)
        _, ana = await network.bound(north, NORTH, "ana")
        stranger, _ = await network.bound(south, SOUTH, "sue")
        programme = (await north.post("/programmes", {"name": "Care"})).json()
        roster = (await north.upload(b"name,email\nA,a@x.org\n", _MAPPING.decode())).json()
        erasure = (await north.post(f"/members/{ana['id']}/erasure")).json()
        ids = {"member": ana["id"], "programme": programme["id"], "roster": roster["id"], "erasure": erasure["id"]}
        yield Served(
            network.client,
            network.database,
            network.service.app.openapi(),
            ids | {"institution": NORTH},
            _strangers(two) | {"member": stranger.token},
        )


@asynccontextmanager
async def _matching(mongo_uri: str, bootstrap: str, two: LocalIssuer) -> AsyncIterator[Served]:
    async with matching_kit.asking(mongo_uri, bootstrap, two, work=()) as matching:  # nothing moves without a request
        await matching.receive(matching_kit.programme(admits=(NORTH,)))
        await matching.join(matching_kit.mentee("sue", SOUTH))
        opened = await matching.request_mentor("ben", "milo")
        relationship = (await matching.answer_request("milo", opened, "accept"))["relationship"]
        request = await matching.request_mentor("ana", "mara")
        round_ = await matching.post(f"/programmes/{CARE}/rounds", "carla", role="coordinator")
        assert round_.status_code == 201, round_.text
        repair = await matching.post(f"/programmes/{CARE}/repairs", "carla", role="coordinator")
        assert repair.status_code == 202, repair.text
        draft = {"weights": {"topics": 80}}
        simulation = await matching.post(f"/programmes/{CARE}/rehearsals", "carla", role="coordinator", **draft)
        assert simulation.status_code == 202, simulation.text
        ids = {"programme": CARE, "mentee": "ana", "mentor": "mara", "request": request, "relationship": relationship}
        ids |= {"simulation": simulation.json()["id"]}
        yield Served(
            matching.client,
            matching.database,
            matching.service.app.openapi(),
            ids | {"institution": NORTH, "round": round_.json()["id"], "repair": repair.json()["id"]},
            _strangers(two) | {"member": two.token("sue", institution=SOUTH, roles=["member"])},
        )


@asynccontextmanager
async def _mentorships(mongo_uri: str, bootstrap: str, two: LocalIssuer) -> AsyncIterator[Served]:
    async with mentorships_kit.serving(mongo_uri, bootstrap, two, "api") as mentorships:
        mentor, stranger = (Recipient(member=name, institution=of) for name, of in (("ada", NORTH), ("sue", SOUTH)))
        for person in (mentorships_kit.MENTEE, mentor, stranger):
            await mentorships.knows(person)
        await mentorships.knows_programme(admits=(NORTH,))
        opened = await mentorships.opened(mentor=mentor)
        goals = f"/mentorships/{opened}/goals"
        goal = await mentorships.post(mentorships_kit.MENTEE, goals, {"title": "Publish", "shared": True})
        plan = {"starts": f"{mentorships.clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M}", "zone": "UTC", "minutes": 30}
        meetings = await mentorships.post(mentorships_kit.MENTEE, f"/mentorships/{opened}/meetings", plan)
        support, hearer = await _support(mentorships, opened, mentor)
        window = {"starts": plan["starts"], "ends": f"{mentorships.clock.now() + timedelta(days=2):%Y-%m-%dT00:00}"}
        offers = f"/programmes/{mentorships_kit.PROGRAMME}/flash-slots"
        slots = await mentorships.post(mentor, offers, {**window, "zone": "UTC", "minutes": 60})
        visit = await mentorships.post(mentor, "/me/outreach-visits", plan | {"school": "North School"})
        group = await _group(mentorships, mentor)
        thread = f"/mentorships/{opened}/messages"
        message = await mentorships.post(mentor, thread, {"text": "Welcome!"})
        yield Served(
            mentorships.http,
            mentorships.database,
            (await mentorships.http.get("/openapi.json")).json(),
            {"programme": mentorships_kit.PROGRAMME, "mentorship": opened, "goal": goal.json()["id"]}
            | {"series": meetings.json()["id"], "meeting": plan["starts"], "support": support, "hearer": hearer}
            | {"slot": slots.json()["items"][0]["id"], "visit": visit.json()["id"], "group": group}
            | {"member": mentor.member, "message": message.json()["id"]},
            _strangers(two) | {"member": two.token("sue", institution=SOUTH, roles=["member"])},
        )


async def _group(service: MentorshipsService, mentor: Recipient) -> str:
    """A group of one mentor and two mentees."""
    mentees = [Recipient(member=name, institution=NORTH) for name in ("zoe", "tom")]
    mentorships = [await service.active(mentee, mentor) for mentee in mentees]
    path = f"/programmes/{mentorships_kit.PROGRAMME}/groups"
    opened = await service.post(mentor, path, {"mentorships": mentorships, "terms": "Be kind."})
    return str(opened.json()["id"])


async def _support(service: mentorships_kit.MentorshipsService, mentorship: str, mentor: Recipient) -> tuple[str, str]:
    """Ids of a request of the mentee, and of an entry of the institution's list."""
    asked = {"hearer": "mentor", "kind": "other", "text": "May I talk to you?"}
    support = await service.post(mentorships_kit.MENTEE, f"/mentorships/{mentorship}/support", asked)
    cora = service.headers(Recipient(member="cora", institution=NORTH), roles=["institution_coordinator"])
    entry = {"member": mentor.member, "role": "other"}
    listed = await service.http.post("/institution/hearers", json=entry, headers=cora)
    return support.json()["id"], listed.json()["id"]


@asynccontextmanager
async def _notifications(mongo_uri: str, bootstrap: str, two: LocalIssuer) -> AsyncIterator[Served]:
    async with notifications_kit.sharing(mongo_uri, bootstrap, two) as notifications:
        await notifications.knows("ana")
        await notifications.knows("sue", institution=SOUTH)
        await notifications.tell(notifications_kit.event("ana"))
        mine = {"authorization": f"Bearer {two.token('ana', institution=NORTH, roles=['member'])}"}
        inbox = (await notifications.http.get("/inbox", headers=mine)).json()
        document = (await notifications.http.get("/openapi.json")).json()
        stranger = {"member": two.token("sue", institution=SOUTH, roles=["member"])}
        mail = (await notifications.http.get("/me/deliveries", headers=mine)).json()
        ids = {"notification": inbox["items"][0]["id"], "delivery": mail["items"][0]["id"]}
        yield Served(notifications.http, notifications.database, document, ids, stranger)


def _strangers(two: LocalIssuer) -> dict[str, str]:
    return {
        role: two.token(role, institution=SOUTH, roles=[role]) for role in ("institution_coordinator", "integrator")
    }


def forgeries(two: LocalIssuer) -> Iterator[tuple[str | None, int, str]]:
    """A token, and what must become of it."""

    def token(**changed: Any) -> str:
        return two.token("carla", **{"institution": NORTH, "roles": ["coordinator", "member", "operator"], **changed})

    header, claims, signature = token().split(".")
    public = two.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield None, 401, "token_missing"
    yield "nonsense", 401, "token_malformed"
    yield token(lifetime_seconds=-60), 401, "token_expired"
    yield token(claims={"aud": "another"}), 401, "audience_wrong"
    yield token(claims={"iss": "https://elsewhere.example"}), 401, "issuer_unknown"
    yield token(institution="elsewhere"), 403, "institution_refused"
    yield f"{_encoded({'alg': 'none'})}.{claims}.", 401, "algorithm_refused"
    yield f"{_encoded({'alg': 'none'})}.{claims}.{signature}", 401, "algorithm_refused"
    symmetric = f"{_encoded({'alg': 'HS256', 'kid': 'development'})}.{claims}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, symmetric.encode(), hashlib.sha256)).decode().rstrip("=")
    yield f"{symmetric}.{mac}", 401, "algorithm_refused"
    for kid in ("../../../dev/null", "' OR '1'='1", "https://elsewhere.example/key", "$ne", "x" * 500):
        yield token(headers={"kid": kid}), 401, "key_unknown"
    yield token(headers={"jku": "https://elsewhere.example", "kid": "theirs"}), 401, "key_unknown"
    yield f"{header}.{_encoded({'sub': 'root'})}.{signature}", 401, "issuer_unknown"


def _encoded(part: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


_WITHOUT_SIGN_IN = {"/calendar/{token}.ics", "/certificates/keys"}
"""Calendars are for programs that cannot sign in: the address is the secret. Everybody verifies certificates."""
_MAY_BE_PUBLISHED = {(503, "issuer_unavailable")}
"""A key that is unknown in the ten seconds in which its issuer is not asked again."""


async def test_no_route_accepts_an_invalid_token(served: Served, two: LocalIssuer) -> None:
    before = await served.state()
    for method, path, operation in served.routes():
        for token, status, code in forgeries(two) if path not in _WITHOUT_SIGN_IN else ():
            answer = await served.ask(method, path, operation, token, served.theirs)
            outcome = (answer.status_code, answer.json()["type"].rpartition(":")[2], answer.headers["content-type"])
            wanted = {(status, code)} | (_MAY_BE_PUBLISHED if code == "key_unknown" else set())
            assert outcome in {(*each, "application/problem+json") for each in wanted}, (
                f"{method} {path}: {answer.text}"
            )
    assert await served.state() == before


_SHARED = {"id", "term", "guide", "step", "number", "token", "rotation"}
"""What belongs to no institution (parked records, the vocabulary, guides and their steps), counts within something that
does, or is an address of its own. A rotation's id is of the institution's own system: another's is another rotation.
"""


async def test_another_institutions_ids_are_answered_like_unknown_ones_and_change_nothing(served: Served) -> None:
    before = await served.state()
    asked = 0
    for method, path, operation in served.routes():
        named = {
            parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"
        } & served.theirs.keys()
        for role, token in served.strangers.items() if named else ():
            known = await served.ask(method, path, operation, token, served.theirs)
            unknown = await served.ask(method, path, operation, token, {})
            assert known.status_code in {403, 404}, f"{role}: {method} {path}: {known.status_code} {known.text}"
            assert (known.status_code, known.json()) == (unknown.status_code, unknown.json()), f"{method} {path}"
            asked += 1
    assert asked
    assert await served.state() == before


def test_every_id_in_a_path_is_one_that_the_first_institution_has_here(served: Served) -> None:
    """Or the test above asks for nothing of another institution."""
    named = {
        parameter["name"]
        for _, _, operation in served.routes()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "path" and "enum" not in parameter["schema"]
    }
    assert named - _SHARED <= served.theirs.keys()


async def test_every_route_refuses_a_query_parameter_that_it_does_not_know(served: Served, two: LocalIssuer) -> None:
    before = await served.state()
    token = two.token("carla", institution=NORTH, roles=["coordinator", "member", "integrator"])
    for method, path, operation in served.routes():
        answer = await served.ask(method, path, operation, token, served.theirs, more={"nmae": "x"})
        outcome = (answer.status_code, answer.json().get("type"))
        assert outcome == (422, "urn:preceptor:problem:query_invalid"), f"{method} {path}: {answer.text}"
        assert answer.json()["errors"][0]["field"] == "nmae"
    assert await served.state() == before


def test_only_a_route_that_takes_a_version_answers_that_it_is_stale(served: Served) -> None:
    for method, path, operation in served.routes():
        takes_version = any(parameter["name"].lower() == "if-match" for parameter in operation.get("parameters", []))
        assert ("412" in operation["responses"]) == takes_version, f"{method} {path}"


_KNOWN_TO_ALL = {
    "/institutions/{institution}",
    "/programmes/{programme}",
    "/programmes/{programme}/mentoring-policy",
    "/programmes/{programme}/agreement-template",
    "/institutions",
    "/programmes",
    "/certificates/keys",
}
"""Readable by everybody in the institution, or by everybody."""
_VERDICTS = {"/rotations", "/rotations/{rotation}", "/rotations/upload"}
"""Refused by row, for what they name: 422, or 200 with every row refused."""
_OF_THE_INSTITUTION = {"programme", "institution", "round", "repair", "simulation"}
"""Whose existence is no secret within the institution: a limited token reads that it may not access them."""


async def test_a_token_limited_to_a_programme_reaches_no_member_outside_it(served: Served, two: LocalIssuer) -> None:
    before = await served.state()
    for role in ("coordinator", "integrator"):
        token = two.token("cora", institution=NORTH, roles=[role], programmes=["other"])
        for method, path, operation in served.routes():
            answer = await served.ask(method, path, operation, token, served.theirs)
            where = f"{role}: {method} {path}: {answer.status_code} {answer.text}"
            unknown = {name: id for name, id in served.theirs.items() if name in _OF_THE_INSTITUTION}
            of_unknown = await served.ask(method, path, operation, token, unknown)
            assert (answer.status_code, answer.text) == (of_unknown.status_code, of_unknown.text), (
                f"tells who exists: {where}"
            )
            if method == "GET" and answer.status_code == 200:
                assert path in _KNOWN_TO_ALL or answer.json()["items"] == [], where
            elif path in _VERDICTS and answer.status_code == 200:
                assert answer.json()["refused"] == len(answer.json()["rows"]), where
            else:
                assert answer.status_code in {403, 404} | ({422} if path in _VERDICTS else set()), where
    assert await served.state() == before


def test_every_body_has_an_example(served: Served) -> None:
    for method, path, operation in served.routes():
        if "requestBody" in operation:
            assert served._body(operation), f"{method} {path}"
