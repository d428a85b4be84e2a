"""Settings of notifications, from the environment (`NOTIFICATIONS_MONGO_URI`, …)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


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
