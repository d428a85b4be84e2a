"""Settings of mentorships, from the environment (`MENTORSHIPS_MONGO_URI`, …)."""

from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

T = TypeVar("T")


class MentorshipsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MENTORSHIPS_")

    mongo_database: str = "mentorships"
    http_port: int = 8004
    test_clock: bool = False
    """Whether an operator may move the clock of this process; development only."""
    public_url: str = Field(default="", validate_default=True)
    """The address of this service, which certificates name: their keys are found there."""
    certificate_key: SecretStr | None = Field(default=None, validate_default=True)
    """Signs certificates: a private key of the curve P-256, as PEM. In development each process may make its own."""

    @property
    def address(self) -> str:
        return self.public_url or f"http://{self.http_host}:{self.http_port}"

    @property
    def signing_key(self) -> ec.EllipticCurvePrivateKey | None:
        return None if self.certificate_key is None else _private_key(self.certificate_key.get_secret_value())

    @field_validator("public_url", "certificate_key")
    @classmethod
    def _is_there_in_production(cls, value: T, info: ValidationInfo) -> T:
        if not value and info.data.get("environment") == "production":
            raise ValueError("is needed in production: it is part of certificates")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_https(cls, url: str, info: ValidationInfo) -> str:
        if url and not url.startswith("https://") and info.data.get("environment") == "production":
            raise ValueError("must begin with https:// in production")
        return url.rstrip("/")

    @field_validator("certificate_key")
    @classmethod
    def _is_a_key(cls, pem: SecretStr | None) -> SecretStr | None:
        if pem is not None:
            _private_key(pem.get_secret_value())
        return pem

    @field_validator("test_clock")
    @classmethod
    def _keeps_time_in_production(cls, is_moved: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 -- pydantic's call
        if is_moved and info.data.get("environment") == "production":
            raise ValueError(
                "MENTORSHIPS_TEST_CLOCK is for development: remove it, or set the environment to development"
            )
        return is_moved


def _private_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """Raises `ValueError` for everything but a P-256 key without a password."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):  # the reason may quote the key
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("must be a private key of the curve P-256, as PEM and without a password")
