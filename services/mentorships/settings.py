"""Settings of mentorships, from the environment (`MENTORSHIPS_MONGO_URI`, …)."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class MentorshipsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MENTORSHIPS_")

    mongo_database: str = "mentorships"
    http_port: int = 8004
