"""What every service is told by its environment (`PROFILES_MONGO_URI`, …). No secret has a default."""

from pathlib import Path
from typing import Literal, Self

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth import Issuer, load_issuers


class ServiceSettings(BaseSettings):
    """Each service sets its own prefix and database."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

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
    http_host: str = "127.0.0.1"
    http_port: int
    log_level: str = "INFO"

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        return load_issuers(self.issuers_file)

    @model_validator(mode="after")
    def _no_development_issuer_in_production(self) -> Self:
        if self.environment == "production":
            local = [issuer.issuer for issuer in self.issuers if issuer.is_local]
            if local:
                raise ValueError(
                    f"{', '.join(local)}: a development issuer, or keys that do not come over https, "
                    "is refused in production; register the institutions' own OIDC issuers"
                )
        return self
