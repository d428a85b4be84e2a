"""Who assesses somebody is no pair of theirs by any way there is: orders, wishes, a round's publication, a repair."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from tests.component.matching_kit import CARE, NORTH, Matching, institution, mentee, mentor, programme, running
from tests.component.rounds_api import RoundsApi
from tests.eventually import eventually

TODAY = datetime.now(UTC).date()
ANA_TO_MARA = {"mentee": "ana", "mentor": "mara"}


async def assesses_ana(matching: Matching, assessor: str) -> None:
    """And it counts."""
    token = matching.issuer.token("hospital", institution=NORTH, roles=("integrator",))
    headers = {"authorization": f"Bearer {token}", "idempotency-key": SystemClock().new_id()}
    days = {"from": str(TODAY), "to": str(TODAY + timedelta(days=28))}
    body = {"assessor": assessor, "assessed": "ana", **days}
    await matching.client.put(f"/rotations/{assessor}", headers=headers, json=body)
    expected = {"external": assessor, "programmes": [CARE]}
    await eventually(lambda: matching.database["rotations"].find_one(expected), message="the rotation counts")


async def steps(api: RoundsApi, state: str) -> list[tuple[str, list[str]]] | None:
    """Of the newest repair in this state: who was displaced, and to whom those move who do."""
    found = (await api.get(f"/programmes/{CARE}/repairs")).json()["items"]
    if not found or found[0]["state"] != state:
        return None
    items = (await api.get(f"/repairs/{found[0]['id']}/steps")).json()["items"]
    return [(repair["mentee"]["member"], [move["mentor"]["member"] for move in repair["moves"]]) for repair in items]


async def test_no_round_and_no_repair_matches_an_evaluator_with_the_assessed_member(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path
) -> None:
    work = ("assessments", "solving", "publishing", "repairs", "due")
    async with running(mongo_uri, kafka_bootstrap, issuer, work=work) as matching:
        await matching.receive(institution(NORTH), programme())
        await matching.join(mentor("mara"), mentor("milo"), mentee("ana"))
        await assesses_ana(matching, "mara")
        api = RoundsApi(matching, tmp_path)

        refused = await api.open(pins=[ANA_TO_MARA])
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "pins.0")
        round = await api.solved(wishes=[{"mentee": "ana", "mentors": ["mara"]}])
        files = await api.files(round)
        [ana] = json.loads(files[0].read_bytes())["mentees"]
        assert len(ana["wishes"]) == 1, "milo alone: a forbidden wish is passed over"
        assert await api.pairs(round) == {"ana": "milo"}

        await assesses_ana(matching, "milo")
        await api.act(round, "publish")
        await api.until(round, "published")
        assert await api.pairs(round, state="lapsed") == {"ana": "milo"}
        assert await matching.database["relationships"].count_documents({}) == 0

        await matching.join(mentor("max"))
        accepted = await matching.answer_request("max", await matching.request_mentor("ana", "max"), "accept")
        assert accepted["relationship"]
        await matching.receive(mentor("max", status="inactive"))
        assert await eventually(lambda: steps(api, "proposed"), within=60) == [("ana", [])], "both others assess her"
        await matching.join(mentor("mina"))
        await matching.post(f"/programmes/{CARE}/repairs", "carla", role="coordinator", bystanders_at_most=0)

        async def goes_to_mina() -> bool:
            return await steps(api, "proposed") == [("ana", ["mina"])]

        await eventually(goes_to_mina, within=60, message="the repair has found who does not assess")
