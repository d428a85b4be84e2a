"""What every service is told by its environment (`PROFILES_MONGO_URI`, …). No secret has a default."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth import Issuer, load_issuers


class ServiceSettings(BaseSettings):
    """Each service sets its own prefix and database."""

    # Without hide_input a wrong issuer would show the whole environment, passwords and all, in the error's text.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = "production"
    mongo_uri: SecretStr
    mongo_database: str
    kafka_bootstrap: str
    """`host:port`, several with commas."""
    issuers_file: Path
    """JSON list of the OIDC issuers and the institutions that each may speak for (docs/operations.md)."""
    topics_file: Path = Path(__file__).parent.parent / "deploy" / "topics.yaml"
    topics_size: str = "production"
    """Which of its sizes: `native` on one machine."""
    topics_checked: bool = True
    """False only for the embedded broker, which cannot be asked."""
    kafka_fetch_max_wait_ms: int = 250
    """How long a broker holds an empty fetch; the embedded broker holds every one that long."""
    shed_after_seconds: float = Field(default=120.0, gt=0)
    """Writes are answered 503 while a fact has waited in the outbox for longer."""
    stalled_after_seconds: float = Field(default=60.0, gt=0)
    """A consumer for whom records wait and who does not move for longer makes `/health/live` fail."""
    http_host: str = "127.0.0.1"
    http_port: int
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls) -> Self:
        """Ends the process, naming each variable that is missing or wrong and no value of any."""
        try:
            return cls()
        except ValidationError as wrong:
            told = [f"{cls._variable(error['loc'])}: {error['msg']}" for error in wrong.errors(include_input=False)]
        raise SystemExit("cannot start: the environment is not as it should be\n  " + "\n  ".join(told))

    @classmethod
    def _variable(cls, loc: Sequence[int | str]) -> str:
        prefix = cls.model_config.get("env_prefix", "")
        return (prefix + "_".join(map(str, loc)) if loc else f"{prefix}ISSUERS_FILE").upper()

    @field_validator("mongo_uri")
    @classmethod
    def _names_a_server(cls, uri: SecretStr) -> SecretStr:
        if not uri.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("must begin with mongodb:// or mongodb+srv://")
        return uri

    @field_validator("kafka_bootstrap")
    @classmethod
    def _names_brokers(cls, bootstrap: str) -> str:
        if not bootstrap.strip(", "):
            raise ValueError("must name a broker: host:port, several with commas")
        return bootstrap

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        return load_issuers(self.issuers_file)

    @model_validator(mode="after")
    def _issuers_are_fit(self) -> Self:
        try:
            issuers = self.issuers
        except OSError as wrong:
            raise ValueError(f"{self.issuers_file} cannot be read: {wrong.strerror}") from None
        except ValidationError as wrong:
            places = sorted(
                {".".join(map(str, error["loc"])) or "whole" for error in wrong.errors(include_input=False)}
            )
            raise ValueError(f"{self.issuers_file} is no list of issuers: wrong at {', '.join(places)}") from None
        local = [issuer.issuer for issuer in issuers if issuer.is_local]
        if local and self.environment == "production":
            raise ValueError(
                f"{', '.join(local)}: a development issuer, or keys that do not come over https, is refused in "
                "production; register the institutions' own OIDC issuers, or set the environment to development"
            )
        return self
