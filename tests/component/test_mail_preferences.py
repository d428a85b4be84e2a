"""Preferences, an institution's policy and reports of bounces over HTTP, and what they do to mail that is planned."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from tests.component.notifications_kit import Notifications, event, sharing
from tests.component.test_mail import MAIL, asked, deliveries

PREFERENCES, POLICY = "/me/notification-preferences", "/notification-policy"


@pytest.fixture
async def running(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    """Without the worker: mail is planned and not sent."""
    async with sharing(mongo_uri, kafka_bootstrap, issuer, **MAIL, smtp_port=9) as notifications:
        await notifications.knows("mia")
        await notifications.knows("near")
        yield notifications


async def put(running: Notifications, path: str, body: Any, *, version: int = 0, **who: Any) -> Any:
    headers = running.headers(**{"member": "near", **who}) | {"If-Match": f'"{version}"'}
    return await running.http.put(path, headers=headers, json=body)


async def last(running: Notifications, member: str = "near") -> tuple[str, str]:
    decision = (await deliveries(running, member))[-1]["decisions"][-1]
    return decision["state"], decision["reason"]


async def test_preferences_begin_as_the_defaults_and_change_by_version(running: Notifications) -> None:
    first = await running.http.get(PREFERENCES, headers=running.headers("near"))
    assert (first.headers["etag"], first.json()["email"], first.json()["quiet_hours"]) == ('"0"', {}, None)
    wanted = {"email": {"lists": "weekly"}, "quiet_hours": {"begins": "21:00", "ends": "07:00"}}
    changed = await put(running, PREFERENCES, wanted)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"1"')
    assert changed.json()["digest"] == {"at": "08:00", "weekday": "mon"}
    in_effect = changed.json()["in_effect"]
    assert in_effect["lists"] == {"frequency": "weekly", "reason": "own_choice"}
    assert in_effect["account"] == {"frequency": "at_once", "reason": "mandatory"}
    for stale in (0, 2):
        assert (await put(running, PREFERENCES, wanted, version=stale)).status_code == 412
    assert (await put(running, PREFERENCES, {"email_otherwise": "off"}, version=1)).json()["email"] == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": {"meetings": "at_once"}},
        {"email": {"lists": "hourly"}},
        {"quiet_hours": {"begins": "24:00", "ends": "07:00"}},
        {"quiet_hours": {"begins": "07:00", "ends": "07:00"}},
        {"digest": {"at": "8:00"}},
        {"channel": "sms"},
    ],
)
async def test_preferences_that_mean_nothing_are_refused(running: Notifications, wrong: Any) -> None:
    answer = await put(running, PREFERENCES, wrong)
    assert answer.status_code == 422, answer.text


async def test_what_a_person_turned_off_is_planned_as_suppressed_with_the_reason(running: Notifications) -> None:
    await put(running, PREFERENCES, {"email": {"requests": "off"}})
    await running.turn(asked())
    assert await last(running) == ("suppressed", "own_choice")


async def test_the_policy_of_the_institution_takes_precedence(running: Notifications) -> None:
    await put(running, PREFERENCES, {"email": {"requests": "off"}})
    coordinator = {"member": "carla", "roles": ["institution_coordinator"]}
    required = await put(running, POLICY, {"email": {"requests": "required"}}, **coordinator)
    assert required.status_code == 200, required.text
    await running.turn(asked("one"))
    assert await last(running) == ("planned", "policy_required")
    await put(running, POLICY, {"email": {"requests": "off"}}, version=1, **coordinator)
    await running.turn(asked("two"))
    assert await last(running) == ("suppressed", "policy_off")


async def test_another_institutions_policy_changes_nothing_here(running: Notifications) -> None:
    elsewhere = {"member": "carl", "institution": "south", "roles": ["institution_coordinator"]}
    assert (await put(running, POLICY, {"email": {"requests": "off"}}, **elsewhere)).status_code in {200, 403}
    await running.turn(asked())
    assert await last(running) == ("planned", "default")


async def test_a_member_cannot_read_or_change_the_policy(running: Notifications) -> None:
    assert (await put(running, POLICY, {"email": {}})).status_code == 403
    assert (await running.http.get(POLICY, headers=running.headers("near"))).status_code == 403


async def test_a_report_suppresses_the_address_of_the_mail_or_the_one_it_names(running: Notifications) -> None:
    await running.turn(asked())
    (planned,) = await deliveries(running)
    reports = [
        {"kind": "bounce", "permanent": False, "address": "near@example.org"},
        {"kind": "bounce", "message_id": f"<{planned['_id']}@preceptor.example>"},
        {"kind": "complaint", "address": " MIA@example.org "},
        {"kind": "complaint", "address": "unknown@example.org"},
    ]
    integrator = running.headers("mail", roles=["integrator"])
    answer = await running.http.post("/mail-reports", headers=integrator, json={"reports": reports})
    assert answer.json() == {"verdicts": ["ignored", "suppressed", "suppressed", "unknown"]}
    found = await running.database["suppressions"].find().sort("_id", 1).to_list(None)
    assert [(each["member"], each["reason"]) for each in found] == [("mia", "complaint"), ("near", "bounced")]
    assert not any("@" in str(value) for each in found for value in each.values())


async def test_a_report_of_another_institution_is_ignored(running: Notifications) -> None:
    await running.turn(asked())
    (planned,) = await deliveries(running)
    reports = [
        {"kind": "complaint", "message_id": f"{planned['_id']}@preceptor.example"},
        {"kind": "complaint", "address": "near@example.org"},
    ]
    elsewhere = running.headers("mail", institution="south", roles=["integrator"])
    answer = await running.http.post("/mail-reports", headers=elsewhere, json={"reports": reports})
    if answer.status_code == 200:  # the issuer of this test may speak for both
        assert answer.json() == {"verdicts": ["unknown", "unknown"]}
    assert await running.database["suppressions"].count_documents({}) == 0


async def test_a_digest_of_a_person_in_quiet_hours_comes_after_them(running: Notifications) -> None:
    wanted = {"quiet_hours": {"begins": "07:00", "ends": "09:30"}, "digest": {"at": "08:00"}}
    await put(running, PREFERENCES, wanted, member="mia")
    await running.tell(event("mia"))
    (planned,) = await deliveries(running, "mia")
    assert planned["next_at"].strftime("%H:%M") == "09:30"
