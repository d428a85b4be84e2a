"""A job: work in a programme that is queued, claimed by a worker that holds the lease, and ended or failed.

Rounds, repairs and simulations are jobs. Every change of state raises the version by one, so a worker that is too slow,
or one of two at a time, fails to save.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Self

from shared.errors import Conflict, Rejected, StaleVersion

ATTEMPTS = 5


class GivenUp(Rejected):
    """Workers have begun the job `ATTEMPTS` times, and none has finished it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    NAME: ClassVar[str]
    """In messages."""
    CODE_PREFIX: ClassVar[str]
    """Of the codes of refusals, as in `round_not_found`."""
    QUEUED: ClassVar[tuple[str, ...]]
    """States in which a worker claims it."""
    id: str
    institution: str
    """The programme's owner."""
    programme: str
    began_at: datetime
    state: str
    version: int = 1
    attempts: int = 0
    """How often a worker has claimed it in this state."""

    def require(self, *states: str) -> None:
        if self.state not in states:
            raise Conflict(
                f"{self.CODE_PREFIX}_not_{states[-1]}",
                f"this needs a {self.NAME} that is {' or '.join(states)}; this one is {self.state}",
            )

    def require_version(self, expected: int) -> None:
        if self.version != expected:
            raise StaleVersion(found=self.version, expected=expected)

    def require_attempts_left(self) -> None:
        """Raises `GivenUp`."""
        if self.attempts > ATTEMPTS:
            raise GivenUp(
                f"{self.CODE_PREFIX}_given_up",
                f"the {self.NAME} was started {ATTEMPTS} times and never finished: open it again, or ask your operator",
            )

    def changed(self, **fields: Any) -> Self:
        return replace(self, version=self.version + 1, **fields)


def position(job: Job) -> tuple[datetime, str]:
    """Where a page of jobs, the newest first, goes on after this job."""
    return job.began_at, job.id
