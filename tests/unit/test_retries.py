"""A command without a version is decided again until no other change is faster; the caller's own version is theirs."""

import pytest

from shared.errors import Contended, StaleVersion, VersionMismatch
from shared.retries import TRIES, retried_when_stale


class Contest:
    """Other changes are faster so many times."""

    def __init__(self, faster: int, refusal: type[StaleVersion] = StaleVersion) -> None:
        self.faster = faster
        self.refusal = refusal
        self.tried = 0

    async def act(self) -> str:
        self.tried += 1
        if self.tried <= self.faster:
            raise self.refusal(found=2, expected=1)
        return "saved"


async def test_a_command_without_a_version_is_saved_despite_concurrent_changes() -> None:
    contest = Contest(faster=40)
    assert await retried_when_stale(contest.act)() == "saved"
    assert contest.tried == 41


async def test_a_command_with_a_version_is_not_retried() -> None:
    contest = Contest(faster=1, refusal=VersionMismatch)
    with pytest.raises(VersionMismatch):
        await retried_when_stale(contest.act)()
    assert contest.tried == 1


async def test_endless_contention_is_not_reported_as_a_stale_version() -> None:
    contest = Contest(faster=10_000)
    with pytest.raises(Contended):
        await retried_when_stale(contest.act)()
    assert contest.tried == TRIES
