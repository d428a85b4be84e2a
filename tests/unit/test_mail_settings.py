"""The settings of mail: complete or absent, private in production, and no value in what is refused."""

import json
from pathlib import Path

import pytest

from services.notifications.settings import NotificationsSettings

SECRET = "hunter2-hunter2"
ISSUER = {"issuer": "https://sso.example", "audience": "preceptor", "jwks_uri": "https://sso.example/jwks"}
COMPLETE = {
    "SMTP_HOST": "relay.example",
    "SMTP_USERNAME": "preceptor",
    "SMTP_PASSWORD": SECRET,
    "MAIL_FROM": "Preceptor <mentoring@example.org>",
    "WEB_URL": "https://preceptor.example",
    "PUBLIC_URL": "https://notifications.example",
    "UNSUBSCRIBE_KEY": "k" * 32,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    issuers = tmp_path / "issuers.json"
    issuers.write_text(json.dumps([ISSUER | {"institutions": ["north"]}]))
    required = {"MONGO_URI": "mongodb://mongo/", "KAFKA_BOOTSTRAP": "kafka:9092", "ISSUERS_FILE": str(issuers)}
    for name, value in {**required, **COMPLETE}.items():
        monkeypatch.setenv(f"NOTIFICATIONS_{name}", value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_complete_settings_are_accepted_and_starttls_is_required() -> None:
    settings = NotificationsSettings.from_environment()
    assert (settings.sends_mail, settings.smtp_security) == (True, "starttls")
    assert str(settings.sender) == "Preceptor <mentoring@example.org>"
    assert SECRET not in f"{settings!r} {settings.model_dump()}"


def test_without_a_server_nothing_else_is_needed(environment: pytest.MonkeyPatch) -> None:
    for name in COMPLETE:
        environment.delenv(f"NOTIFICATIONS_{name}")
    assert not NotificationsSettings.from_environment().sends_mail


@pytest.mark.parametrize("missing", ["SMTP_PASSWORD", "MAIL_FROM", "WEB_URL", "PUBLIC_URL", "UNSUBSCRIBE_KEY"])
def test_what_a_server_needs_is_named_where_it_is_missing(environment: pytest.MonkeyPatch, missing: str) -> None:
    environment.delenv(f"NOTIFICATIONS_{missing}")
    with pytest.raises(SystemExit, match=f"NOTIFICATIONS_{missing}: "):
        NotificationsSettings.from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_SECURITY", "none"),
        ("SMTP_SECURITY", "ssl"),
        ("WEB_URL", "http://preceptor.example"),
        ("PUBLIC_URL", "http://notifications.example"),
        ("MAIL_FROM", "Preceptor"),
        ("UNSUBSCRIBE_KEY", SECRET),
        ("MAIL_PER_MINUTE", "0"),
    ],
)
def test_what_is_not_fit_for_production_is_refused_by_its_name(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(f"NOTIFICATIONS_{name}", value)
    with pytest.raises(SystemExit, match=f"NOTIFICATIONS_{name}: ") as refused:
        NotificationsSettings.from_environment()
    assert SECRET not in str(refused.value)


def test_development_may_send_in_the_clear_to_a_catcher(environment: pytest.MonkeyPatch) -> None:
    for name, value in (("ENVIRONMENT", "development"), ("SMTP_SECURITY", "none"), ("WEB_URL", "http://127.0.0.1")):
        environment.setenv(f"NOTIFICATIONS_{name}", value)
    assert NotificationsSettings.from_environment().smtp_security == "none"
