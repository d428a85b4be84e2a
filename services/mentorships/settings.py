"""Settings of mentorships, from the environment (`MENTORSHIPS_MONGO_URI`, …)."""

from typing import Self

from pydantic import model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class MentorshipsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MENTORSHIPS_")

    mongo_database: str = "mentorships"
    http_port: int = 8004
    test_clock: bool = False
    """Whether an operator may move the clock of this process; development only."""

    @model_validator(mode="after")
    def _keep_time_in_production(self) -> Self:
        if self.test_clock and self.environment == "production":
            raise ValueError(
                "MENTORSHIPS_TEST_CLOCK is for development: remove it, or set the environment to development"
            )
        return self
