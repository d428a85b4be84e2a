"""Settings of profiles, from the environment (`PROFILES_MONGO_URI`, …)."""

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.invitation_codes import long_enough
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="PROFILES_", frozen=True, extra="ignore")

    mongo_database: str = "profiles"
    http_port: int = 8001
    invitation_days: int = 14
    """How long an invitation's code can be used."""
    invitation_key: SecretStr | None = None
    """From which codes in invitations by mail are derived, the same as of notifications; None: no mail is offered."""
    erasure_own_days: int = Field(default=7, ge=0, le=90)
    """How long a member's own request for erasure can be withdrawn."""
    erasure_coordinator_days: int = Field(default=30, ge=0, le=365)
    """How long a member can object to a coordinator's request."""
    roster_max_rows: int = 200_000
    roster_max_megabytes: int = 64

    @field_validator("invitation_key")
    @classmethod
    def _is_long(cls, key: SecretStr | None) -> SecretStr | None:
        return long_enough(key)
