"""A POST whose process is killed between its transaction and its answer, sent again with the same key."""

import httpx
import pytest

from deploy.issuer import LocalIssuer
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION

pytestmark = [pytest.mark.timeout(240), pytest.mark.no_row]


@pytest.mark.parametrize(
    ("role", "path", "body"),
    [
        ("institution_coordinator", "/members", {"name": "Zoe", "email": "zoe@west.example"}),
        pytest.param(
            "institution_coordinator",
            "/programmes",
            {"id": f"{INSTITUTION}.retried", "name": "Retried"},
            marks=pytest.mark.full,
        ),
        pytest.param("operator", "/institutions", {"id": "retried", "name": "Retried"}, marks=pytest.mark.full),
    ],
)
async def test_a_repeated_post_after_a_kill_has_one_effect_and_the_same_answer(
    crashes: CrashSite, issuer: LocalIssuer, role: str, path: str, body: dict[str, str]
) -> None:
    institution = None if role == "operator" else INSTITUTION
    token = issuer.token(role, institution=institution, roles=[role])
    headers = {"authorization": f"Bearer {token}", "idempotency-key": crashes.clock.new_id()}
    replica = await crashes.cluster.restart("profiles", failpoint="profiles.api.after-commit:1")
    await replica.ready()
    async with httpx.AsyncClient(base_url=replica.address, timeout=30) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(path, json=body, headers=headers)
        await replica.killed(within=30)
        await crashes.cluster.start("profiles").ready()
        answer = await client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.headers["etag"], answer.json()["name"]) == (201, '"1"', body["name"])
        assert (await client.get(answer.headers["location"], headers=headers)).json()["version"] == 1
