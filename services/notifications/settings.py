"""Settings of notifications, from the environment (`NOTIFICATIONS_MONGO_URI`, …)."""

from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from shared.invitation_codes import long_enough
from shared.settings import ServiceSettings

T = TypeVar("T")
_SHORTEST_SECRET = 32


class NotificationsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_")

    mongo_database: str = "notifications"
    http_port: int = 8003
    heartbeat_seconds: float = Field(default=15, gt=0)
    """A comment on every silent stream, so that proxies keep it open and dead ones are noticed."""
    read_kept_days: int = Field(default=365, ge=1, le=3650)
    """A notification is deleted this long after it was read. Unread notifications stay."""
    stream_seconds: float = Field(default=900, gt=0)
    """A stream ends after this long: the client reconnects with its position and a valid token."""
    delivery_kept_days: int = Field(default=365, ge=1, le=3650)
    """A delivery is deleted this long after it was sent, failed or was suppressed."""

    smtp_host: str = ""
    """Without a mail server no mail is sent, and deliveries say so."""
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` is required, not tried; `none` is refused in production."""
    smtp_ca_file: Path | None = None
    """Certificates of authorities that the system does not know."""
    smtp_username: str = ""
    smtp_password: SecretStr | None = Field(default=None, validate_default=True)
    smtp_timeout_seconds: float = Field(default=30, gt=0, le=300)
    """For all steps of one mail together."""
    smtp_connections: int = Field(default=4, ge=1, le=50)
    mail_from: str = Field(default="", validate_default=True)
    """`Preceptor <mentoring@example.org>`"""
    mail_per_minute: int = Field(default=600, ge=1, le=100_000)
    web_url: str = Field(default="", validate_default=True)
    """The address of the web application, to which mails link."""
    public_url: str = Field(default="", validate_default=True)
    """The address of this service, for links that unsubscribe."""
    unsubscribe_key: SecretStr | None = Field(default=None, validate_default=True)
    """Signs the links that unsubscribe. With another one, links in mails that were sent before do not work."""

    invitation_key: SecretStr | None = None
    """From which the codes in mailed invitations are derived, the same as of profiles."""

    @property
    def sends_mail(self) -> bool:
        return bool(self.smtp_host)

    @property
    def sender(self) -> Address:
        name, address = parseaddr(self.mail_from)
        return Address(display_name=name, addr_spec=address)

    @field_validator("mail_from", "web_url", "public_url", "unsubscribe_key")
    @classmethod
    def _is_there_where_mail_is_sent(cls, value: T, info: ValidationInfo) -> T:
        if info.data.get("smtp_host") and not value:
            raise ValueError(f"is needed where {cls._variable(('smtp_host',))} is set")
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, value: str) -> str:
        if value and "@" not in parseaddr(value)[1]:
            raise ValueError("must be like Preceptor <mentoring@example.org>")
        return value

    @field_validator("smtp_password")
    @classmethod
    def _goes_with_a_user_name(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if bool(password) != bool(info.data.get("smtp_username")):
            raise ValueError(f"goes together with {cls._variable(('smtp_username',))}: set both or neither")
        return password

    @field_validator("unsubscribe_key")
    @classmethod
    def _is_long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        return secret

    @field_validator("invitation_key")
    @classmethod
    def _is_hard_to_guess(cls, key: SecretStr | None) -> SecretStr | None:
        return long_enough(key)

    @field_validator("smtp_security")
    @classmethod
    def _is_private(cls, security: str, info: ValidationInfo) -> str:
        if security == "none" and info.data.get("environment") == "production":
            raise ValueError("mail without TLS is refused in production: must be starttls or tls")
        return security

    @field_validator("web_url", "public_url")
    @classmethod
    def _is_https(cls, url: str, info: ValidationInfo) -> str:
        if url and not url.startswith("https://") and info.data.get("environment") == "production":
            raise ValueError("must begin with https:// in production")
        return url
