"""Choices of e-mail: what the form shows and sends, and that nothing typed is lost by a refusal."""

from typing import Any

import pytest

from services.web.clients.notifications import Preferences
from services.web.pages.forms import form_of
from services.web.preferences.choices import body_of, errors_of, form_from_stored
from tests.unit.web_kit import FakeServices, ok, page_of, pages, problem, text_of

_PATH = "notifications/me/notification-preferences"
_STORED: dict[str, Any] = {
    "email": {"lists": "weekly"},
    "email_otherwise": None,
    "quiet_hours": {"begins": "21:00", "ends": "07:00"},
    "digest": {"at": "08:00", "weekday": "mon"},
    "in_effect": {
        "requests": {"frequency": "at_once", "reason": "policy_required"},
        "lists": {"frequency": "weekly", "reason": "own_choice"},
        "account": {"frequency": "at_once", "reason": "mandatory"},
    },
}
_TYPED = {"requests": "", "lists": "daily", "begins": "22:00", "ends": "06:00", "at": "09:00", "weekday": "fri"}


def test_a_form_that_is_not_changed_sends_what_is_stored() -> None:
    stored = Preferences.model_validate(_STORED)
    body = body_of(form_from_stored(stored), stored)
    assert body == {name: _STORED[name] for name in ("email", "email_otherwise", "quiet_hours", "digest")}


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"begins": "", "ends": "", "at": "08:00"}, {}),
        ({"begins": "21:00", "ends": "", "at": "08:00"}, {"ends": "quiet_hours_incomplete"}),
        ({"begins": "", "ends": "07:00", "at": "08:00"}, {"begins": "quiet_hours_incomplete"}),
        ({"begins": "21:00", "ends": "21:00", "at": "08:00"}, {"ends": "quiet_hours_empty"}),
        (
            {"begins": "25:00", "ends": "7", "at": ""},
            {"begins": "time_invalid", "ends": "time_invalid", "at": "time_missing"},
        ),
    ],
)
def test_times_that_make_no_sense_are_errors_at_their_fields(typed: dict[str, str], errors: dict[str, str]) -> None:
    assert errors_of(form_of(list(typed.items()))) == errors


async def test_the_page_shows_what_applies_and_why() -> None:
    async with pages(FakeServices({f"GET {_PATH}": ok(_STORED)})) as site:
        shown = text_of(await site.get("/preferences"))
    assert "Now: At once. Your institution always sends this kind of e-mail." in shown
    assert "Now: In a weekly summary. You chose this." in shown


async def test_saving_replaces_the_version_that_the_form_showed() -> None:
    services = FakeServices({f"GET {_PATH}": ok(_STORED), f"PUT {_PATH}": ok({})})
    async with pages(services) as site:
        answer = await site.post("/preferences", **_TYPED)
    assert (answer.status_code, answer.headers["location"]) == (303, "/preferences?saved=yes")
    assert services.sent(f"PUT {_PATH}") == {
        "email": {"lists": "daily"},
        "email_otherwise": None,
        "quiet_hours": {"begins": "22:00", "ends": "06:00"},
        "digest": {"at": "09:00", "weekday": "fri"},
    }


async def test_a_change_in_between_loses_nothing_that_was_typed() -> None:
    services = FakeServices({f"GET {_PATH}": ok(_STORED), f"PUT {_PATH}": problem(412, "version_stale")})
    async with pages(services, language="de") as site:
        answer = await site.post("/preferences", **_TYPED)
    assert answer.status_code == 422
    assert 'value="22:00"' in answer.text
    assert "an English sentence" not in answer.text


async def test_each_mail_is_shown_with_its_reason() -> None:
    decisions = [
        {"at": "2026-12-01T09:00:00Z", "state": "suppressed", "reason": "already_read", "text": "You read it."}
    ]
    delivery = {
        "id": "d1",
        "template": "request-made",
        "category": "requests",
        "notification": "n1",
        "state": "suppressed",
        "decisions": decisions,
    }
    services = FakeServices({"GET notifications/me/deliveries": page_of(delivery)})
    async with pages(services) as site:
        shown = text_of(await site.get("/preferences/deliveries"))
    assert "Not sent 1 December 2026, 09:00 You read it." in shown
