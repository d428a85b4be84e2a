"""What the environment may say, and what is said when it does not: names of variables, never their values."""

import json
import logging
import os
from pathlib import Path

import pytest
import structlog

from deploy.issuer import LocalIssuer
from services.mentorships.settings import MentorshipsSettings
from services.profiles.settings import Settings
from shared.telemetry import configure_logs, logger

PASSWORD = "hunter2"
HTTPS = {"issuer": "https://sso.example", "audience": "preceptor", "jwks_uri": "https://sso.example/jwks"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Complete, and fit for production."""
    issuers = tmp_path / "issuers.json"
    issuers.write_text(json.dumps([HTTPS | {"institutions": ["charite"]}]))
    monkeypatch.setenv("PROFILES_MONGO_URI", f"mongodb://root:{PASSWORD}@mongo/")
    monkeypatch.setenv("PROFILES_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("PROFILES_ISSUERS_FILE", str(issuers))
    return monkeypatch


def refused() -> str:
    with pytest.raises(SystemExit) as caught:
        Settings.from_environment()
    message = str(caught.value)
    assert PASSWORD not in message
    assert caught.value.__context__ is None, "nothing of the environment in a traceback either"
    return message


def issuers(environment: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(content)
    environment.setenv("PROFILES_ISSUERS_FILE", str(file))


@pytest.mark.usefixtures("environment")
def test_a_complete_environment_is_accepted() -> None:
    settings = Settings.from_environment()
    assert settings.environment == "production"
    assert [issuer.issuer for issuer in settings.issuers] == ["https://sso.example"]


@pytest.mark.usefixtures("environment")
def test_no_secret_shows_in_any_form_of_the_settings() -> None:
    settings = Settings.from_environment()
    assert PASSWORD not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_every_missing_setting_is_named(environment: pytest.MonkeyPatch) -> None:
    for name in ("MONGO_URI", "KAFKA_BOOTSTRAP", "ISSUERS_FILE"):
        environment.delenv(f"PROFILES_{name}")
    message = refused()
    assert all(f"PROFILES_{name}: " in message for name in ("MONGO_URI", "KAFKA_BOOTSTRAP", "ISSUERS_FILE"))
    assert len(message.splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO_URI", ""),
        ("MONGO_URI", PASSWORD),
        ("KAFKA_BOOTSTRAP", ""),
        ("KAFKA_BOOTSTRAP", " , "),
        ("HTTP_PORT", PASSWORD),
        ("ENVIRONMENT", "staging"),
        ("ISSUERS_FILE", "/nowhere/issuers.json"),
        ("ISSUERS_FILE", "/"),
    ],
)
def test_a_value_that_does_not_fit_is_named_and_not_quoted(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(f"PROFILES_{name}", value)
    assert f"PROFILES_{name}: " in refused()


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[{}]", '[{"issuer": "hunter2"}]', "\x00", "[" * 9999])
def test_an_invalid_list_of_issuers_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    issuers(environment, tmp_path, content)
    assert "PROFILES_ISSUERS_FILE: " in refused()


@pytest.mark.parametrize(
    "origins", ["*", "app.example.org", "https://app.example.org/", "https://a.example b", "null", "http://app.example"]
)
def test_anything_else_than_an_origin_is_refused(environment: pytest.MonkeyPatch, origins: str) -> None:
    environment.setenv("PROFILES_CORS_ORIGINS", f"https://first.example,{origins}")
    assert "PROFILES_CORS_ORIGINS: " in refused()


def test_no_other_origin_is_allowed_by_default(environment: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment().allowed_origins == []
    environment.setenv("PROFILES_CORS_ORIGINS", "https://a.example, https://b.example:8443")
    assert Settings.from_environment().allowed_origins == ["https://a.example", "https://b.example:8443"]


def test_entries_of_one_issuer_with_the_same_audience_are_refused_by_name(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    issuers(environment, tmp_path, json.dumps([HTTPS | {"institutions": [name]} for name in ("charite", "mayo")]))
    assert "https://sso.example: two entries have the audience preceptor" in refused()


def test_an_issuer_without_an_address_of_keys_is_asked_for_it(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = {"issuer": "https://sso.example", "audience": ["one", "two"], "institutions": ["charite"]}
    issuers(environment, tmp_path, json.dumps([entry]))
    assert Settings.from_environment().issuers[0].metadata_uri == "https://sso.example/.well-known/openid-configuration"
    issuers(environment, tmp_path, json.dumps([entry | {"issuer": "http://sso.example"}]))
    assert "keys that do not come over https" in refused()


@pytest.mark.parametrize(
    "changed",
    [
        {"development": True},
        {"jwks_uri": "http://sso.example/jwks"},
        {"jwks_uri": "file:///keys/jwks.json"},
        {"jwks_uri": "/keys/jwks.json"},
    ],
)
def test_production_refuses_a_development_issuer_with_advice(
    environment: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, object]
) -> None:
    issuers(environment, tmp_path, json.dumps([HTTPS | {"institutions": ["*"]} | changed]))
    message = refused()
    assert "https://sso.example" in message
    assert "register the institutions' own OIDC issuers" in message
    environment.setenv("PROFILES_ENVIRONMENT", "development")
    assert Settings.from_environment().issuers


def test_the_local_issuer_is_refused_outside_the_development_profile(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    local = LocalIssuer.load_or_create(tmp_path / "local")
    environment.setenv("PROFILES_ISSUERS_FILE", str(local.issuers_file))
    assert "development issuer" in refused()


def fail_over(person: str) -> None:
    try:
        int(person)
    except ValueError as cause:
        raise ExceptionGroup(person, [ValueError(person)]) from cause


def test_a_fault_is_logged_with_kinds_codes_and_frames_and_never_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("test")
    try:
        try:
            fail_over("grace@example.org")
        except ExceptionGroup:
            logger("test").exception("it failed")
            logging.getLogger("library").exception("so says a library")
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["it failed", "so says a library"]
    for line in lines:
        assert line["exception"].count("grace") == 1, "in the call above, a line of the program itself"
        assert all(kind in line["exception"] for kind in ("ExceptionGroup", "ValueError", "which led to", "in which"))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SHED_AFTER_SECOND", "SHED_AFTER_SECONDS"),
        ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP"),
        ("MONGO_URL", "MONGO_URI"),
        ("ISSUER_FILE", "ISSUERS_FILE"),
    ],
)
def test_a_variable_that_no_setting_reads_is_refused_with_the_nearest_name(
    environment: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    environment.setenv(f"PROFILES_{name}", PASSWORD)
    assert f"PROFILES_{name}: no such setting; the nearest is PROFILES_{nearest} " in refused()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROFILES_SERVICE_HOST", "10.0.0.1"),
        ("PROFILES_SERVICE_PORT_HTTP", "8000"),
        ("PROFILES_PORT", "tcp://10.0.0.1:8000"),
        ("PROFILES_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("PROFILES_API_PORT", "tcp://10.0.0.1:8000"),
        ("PROFILES_MONGO_URI_FILE", "/run/secrets/mongo_uri"),
        ("MATCHING_LEASE_SECONDS", "6"),
    ],
)
def test_variables_of_kubernetes_and_the_image_are_not_misspelled_settings(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    assert Settings.from_environment().kafka_bootstrap == "kafka:9092"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO_URI", f"mongodb://root:p@{PASSWORD}@mongo/"),
        ("MONGO_URI", "mongodb://mongo/?replicaSte=rs0"),
        ("MONGO_DATABASE", "a.b"),
        ("HTTP_PORT", "70000"),
        ("LOG_LEVEL", "LOUD"),
        ("TOPICS_FILE", "/nowhere.yaml"),
        ("TOPICS_SIZE", "huge"),
        ("NETWORK_ID", "a.b"),
        ("NETWORK_ID", "North"),
        ("NETWORK_ID", "n" * 32),
    ],
)
def test_a_value_that_would_fail_later_is_refused_at_startup_in_one_line(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(f"PROFILES_{name}", value)
    [_, line] = refused().splitlines()
    assert line.strip().startswith(f"PROFILES_{name}: ")


def test_production_refuses_a_clock_that_can_be_moved(environment: pytest.MonkeyPatch) -> None:
    for name in ("MONGO_URI", "KAFKA_BOOTSTRAP", "ISSUERS_FILE"):
        environment.setenv(f"MENTORSHIPS_{name}", os.environ[f"PROFILES_{name}"])
    environment.setenv("MENTORSHIPS_TEST_CLOCK", "true")
    with pytest.raises(SystemExit, match="MENTORSHIPS_TEST_CLOCK is for development"):
        MentorshipsSettings.from_environment()
    environment.setenv("MENTORSHIPS_ENVIRONMENT", "development")
    assert MentorshipsSettings.from_environment().test_clock
