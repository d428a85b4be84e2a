from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="PROFILES_", frozen=True, extra="ignore")

    mongo_database: str = "profiles"
    http_port: int = 8001
    invitation_days: int = 14
    """How long an invitation's code can be used."""
    roster_max_rows: int = 200_000
    roster_max_megabytes: int = 64
