"""Settings of web, from the environment (`WEB_MONGO_URI`, …)."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from shared.contracts.payload import Slug
from shared.settings import ProcessSettings

_SERVICES = ("profiles_url", "matching_url", "notifications_url", "mentorships_url")


class Provider(BaseModel):
    """An OpenID provider at which people sign in, and this application's registration there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    """Part of the redirect URI that is registered: `<public address>/sign-in/<id>/callback`."""
    label: str
    """What people choose where there are several: the institution's name."""
    discovery: str
    """The address of the provider's metadata, ending in `/.well-known/openid-configuration`."""
    client_id: str
    client_secret_file: Path | None = None
    """None: a public client, which proves itself by PKCE alone."""
    scope: str = "openid"
    """Add `offline_access` where the provider issues refresh tokens for it only."""

    @property
    def client_secret(self) -> str | None:
        return self.client_secret_file.read_text(encoding="utf-8").strip() if self.client_secret_file else None


class WebSettings(ProcessSettings):
    model_config = SettingsConfigDict(env_prefix="WEB_")

    mongo_database: str = "web"
    http_port: int = 8080
    metrics_port: int | None = None
    """A port of its own for /metrics, which is not for the public; None: they are not served."""
    providers_file: Path
    """JSON list of the OpenID providers (docs/web.md)."""
    public_address: str
    """Where people's browsers find this application, like https://mentoring.example.org."""
    profiles_url: str
    matching_url: str
    notifications_url: str
    mentorships_url: str
    service_seconds: float = Field(default=5, gt=0, le=60)
    """How long a page waits for an answer of a service."""
    session_idle_minutes: int = Field(default=480, ge=5)
    """A session ends after this long without a request."""
    session_hours: int = Field(default=24, ge=1)
    """A session ends this long after sign-in, whatever happens in it."""

    @property
    def providers(self) -> tuple[Provider, ...]:
        return tuple(TypeAdapter(list[Provider]).validate_json(self.providers_file.read_bytes()))

    @property
    def is_secure(self) -> bool:
        return self.public_address.startswith("https://")

    @field_validator("public_address", *_SERVICES)
    @classmethod
    def _is_an_address(cls, address: str, info: ValidationInfo) -> str:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
            raise ValueError("must be an address without a path, like https://mentoring.example.org")
        is_public = info.field_name == "public_address"
        if is_public and parts.scheme != "https" and info.data.get("environment") != "development":
            raise ValueError("must begin with https:// in production: the session's cookie is sent over https only")
        return address.rstrip("/")

    @field_validator("providers_file")
    @classmethod
    def _lists_providers(cls, file: Path, info: ValidationInfo) -> Path:
        try:
            providers = TypeAdapter(list[Provider]).validate_json(file.read_bytes())
        except OSError as wrong:
            raise ValueError(f"{file} cannot be read: {wrong.strerror}") from None
        except ValidationError as wrong:
            places = sorted({".".join(map(str, error["loc"])) or "whole" for error in wrong.errors()})
            raise ValueError(f"{file} is no list of providers: wrong at {', '.join(places)}") from None
        if not providers or len({provider.id for provider in providers}) < len(providers):
            raise ValueError(f"{file} must name at least one provider, each with an id of its own")
        plain = [provider.id for provider in providers if not provider.discovery.startswith("https://")]
        if plain and info.data.get("environment") != "development":
            raise ValueError(f"{', '.join(plain)}: discovery must begin with https:// in production")
        return file
