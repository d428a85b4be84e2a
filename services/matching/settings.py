"""MATCHING_…: see docs/operations.md."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="MATCHING_")

    mongo_database: str = "matching"
    http_port: int = 8002
    coalesce_seconds: float = Field(default=5.0, ge=0)
    """How long what others' changes do to a list is gathered before it is published."""
    audit_seconds: float = Field(default=1.0, gt=0)
    """Between two lists of the quiet audit."""
    overfull_seconds: float = Field(default=15.0, gt=0)
    """Between two looks for mentors who have more mentees than seats, because they lowered their capacity."""
    lease_seconds: float = Field(default=6.0, ge=2)
    """How long a shard has no holder after its holder was killed."""
