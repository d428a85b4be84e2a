"""Each service conforms to its OpenAPI document for any request of any caller."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from deploy.issuer import LocalIssuer
from tests.component import matching_kit, mentorships_kit, notifications_kit, profiles_kit
from tests.component.fuzzing import Caller, fuzz, served
from tests.component.matching_kit import CARE, NORTH

pytestmark = pytest.mark.timeout(1200)
_FEW = "fuzzing"


async def test_profiles_conforms_to_its_openapi_document(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    async with profiles_kit.running(mongo_uri, kafka_bootstrap, issuer) as network:
        coordinator = await network.institution("st-anna")
        _, member = await network.bound(coordinator, "st-anna", "ana")
        person, own = await network.bound(coordinator, "st-anna", "ben")  # whose sign-in the coordinator leaves
        programme = (
            await coordinator.post("/programmes", {"id": "st-anna.first-friday", "name": "First Friday"})
        ).json()
        mapping = "sections: {people: {fields: {name: {column: name}, email: {column: email}}}}"
        roster = (await coordinator.upload(b"name,email\nAda,ada@example.org\n", mapping)).json()
        known = {"institution": "st-anna", "member": member["id"], "programme": programme["id"], "roster": roster["id"]}
        async with served(network.service.app) as address:
            await fuzz(address, Caller(token=coordinator.token, known=known), tmp_path)
            mine = {**known, "member": own["id"]}
            await fuzz(address, Caller(token=person.token, known=mine, phases=_FEW), tmp_path)
            await fuzz(address, Caller(token=network.operator.token, known=known, phases=_FEW), tmp_path)


async def test_matching_conforms_to_its_openapi_document(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    async with matching_kit.asking(mongo_uri, kafka_bootstrap, issuer) as matching:
        accepted = await matching.request_mentor("ben", "milo")
        relationship = (await matching.answer_request("milo", accepted, "accept"))["relationship"]
        request = await matching.request_mentor("ana", "mara")
        known = {
            "programme": CARE,
            "mentee": "ana",
            "mentor": "mara",
            "request": request,
            "relationship": relationship,
        }
        member = issuer.token("ana", institution=NORTH, roles=["member"])
        coordinator = issuer.token("carla", institution=NORTH, roles=["institution_coordinator"])
        async with served(matching.service.app) as address:
            await fuzz(address, Caller(token=member, known=known), tmp_path)
            await fuzz(address, Caller(token=coordinator, known=known, phases=_FEW), tmp_path)


async def test_mentorships_conforms_to_its_openapi_document(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    async with mentorships_kit.serving(mongo_uri, kafka_bootstrap, issuer, "api") as mentorships:
        for person in (mentorships_kit.MENTEE, mentorships_kit.MENTOR):
            await mentorships.knows(person)
        await mentorships.knows_programme()
        opened = await mentorships.opened()
        goal = await mentorships.post(mentorships_kit.MENTEE, f"/mentorships/{opened}/goals", {"title": "Publish"})
        known = {"programme": mentorships_kit.PROGRAMME, "mentorship": opened, "goal": goal.json()["id"]}
        plan = {"starts": f"{mentorships.clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M}", "zone": "UTC", "minutes": 30}
        meetings = await mentorships.post(mentorships_kit.MENTEE, f"/mentorships/{opened}/meetings", plan)
        known |= {"series": meetings.json()["id"], "meeting": plan["starts"]}
        member = issuer.token(mentorships_kit.MENTEE.member, institution=NORTH, roles=["member"])
        coordinator = issuer.token("carla", institution=NORTH, roles=["institution_coordinator"])
        address = str(mentorships.http.base_url).rstrip("/")
        await fuzz(address, Caller(token=member, known=known), tmp_path)
        await fuzz(address, Caller(token=coordinator, known=known, phases=_FEW), tmp_path)


async def test_notifications_conforms_to_its_openapi_document(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    wanted = notifications_kit.settings(mongo_uri, kafka_bootstrap, issuer, stream_seconds=0.05)
    async with notifications_kit.serving(wanted, issuer, "api") as notifications:
        await notifications.knows("ana")
        await notifications.tell(notifications_kit.event("ana"))
        token = issuer.token("ana", institution=NORTH, roles=["member"])
        inbox = await notifications.http.get("/inbox", headers={"authorization": f"Bearer {token}"})
        mail = await notifications.http.get("/me/deliveries", headers={"authorization": f"Bearer {token}"})
        known = {"notification": inbox.json()["items"][0]["id"], "delivery": mail.json()["items"][0]["id"]}
        await fuzz(str(notifications.http.base_url).rstrip("/"), Caller(token=token, known=known), tmp_path)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (JSONResponse({"size": 1}, 418), "Undocumented (HTTP )?status code"),
        (JSONResponse({"size": "large"}), "Response violates schema"),
        (PlainTextResponse("1"), "Undocumented Content-Type"),
        (JSONResponse({}, 500), "Server error"),
    ],
)
async def test_a_service_that_violates_its_document_is_found(tmp_path: Path, answer: Response, found: str) -> None:
    lying = FastAPI()

    @lying.get("/size", response_model=dict[str, int])
    async def size() -> Response:
        return answer

    async with served(lying) as address:
        with pytest.raises(AssertionError, match=found):
            await fuzz(address, Caller(token="", known={}, phases="fuzzing"), tmp_path)
