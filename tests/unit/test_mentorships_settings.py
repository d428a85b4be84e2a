"""The settings of mentorships: certificates need a key and an address in production, and no key is quoted."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from services.mentorships.settings import MentorshipsSettings

ISSUER = {"issuer": "https://sso.example", "audience": "preceptor", "jwks_uri": "https://sso.example/jwks"}


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    issuers = tmp_path / "issuers.json"
    issuers.write_text(json.dumps([ISSUER | {"institutions": ["north"]}]))
    complete = {
        "MONGO_URI": "mongodb://mongo/",
        "KAFKA_BOOTSTRAP": "kafka:9092",
        "ISSUERS_FILE": str(issuers),
        "PUBLIC_URL": "https://mentorships.example/",
        "CERTIFICATE_KEY": pem(ec.generate_private_key(ec.SECP256R1())),
    }
    for name, value in complete.items():
        monkeypatch.setenv(f"MENTORSHIPS_{name}", value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_complete_settings_are_accepted_and_show_no_key() -> None:
    settings = MentorshipsSettings.from_environment()
    assert settings.signing_key is not None
    assert settings.address == "https://mentorships.example"
    assert "PRIVATE KEY" not in f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize("missing", ["PUBLIC_URL", "CERTIFICATE_KEY"])
def test_production_needs_an_address_and_a_key_and_development_does_not(
    environment: pytest.MonkeyPatch, missing: str
) -> None:
    environment.delenv(f"MENTORSHIPS_{missing}")
    with pytest.raises(SystemExit, match=f"MENTORSHIPS_{missing}: is needed in production"):
        MentorshipsSettings.from_environment()
    environment.setenv("MENTORSHIPS_ENVIRONMENT", "development")
    assert MentorshipsSettings.from_environment().address


@pytest.mark.parametrize(
    "wrong", ["secret words", pem(ec.generate_private_key(ec.SECP384R1())), pem(ed25519.Ed25519PrivateKey.generate())]
)
def test_another_key_is_refused_and_not_quoted(environment: pytest.MonkeyPatch, wrong: str) -> None:
    environment.setenv("MENTORSHIPS_CERTIFICATE_KEY", wrong)
    with pytest.raises(SystemExit) as refused:
        MentorshipsSettings.from_environment()
    assert "MENTORSHIPS_CERTIFICATE_KEY: must be a private key of the curve P-256" in str(refused.value)
    assert not any(line in str(refused.value) for line in wrong.splitlines())


def test_an_address_without_tls_is_refused_in_production(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MENTORSHIPS_PUBLIC_URL", "http://mentorships.example")
    with pytest.raises(SystemExit, match="MENTORSHIPS_PUBLIC_URL: must begin with https://"):
        MentorshipsSettings.from_environment()
