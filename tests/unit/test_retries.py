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


async def test_a_command_is_saved_however_many_were_faster() -> None:
    contest = Contest(faster=40)
    assert await retried_when_stale(contest.act)() == "saved"
    assert contest.tried == 41


async def test_a_version_that_the_caller_named_is_not_tried_again() -> None:
    contest = Contest(faster=1, refusal=VersionMismatch)
    with pytest.raises(VersionMismatch):
        await retried_when_stale(contest.act)()
    assert contest.tried == 1


async def test_endless_contention_is_no_stale_version_of_the_callers() -> None:
    contest = Contest(faster=10_000)
    with pytest.raises(Contended):
        await retried_when_stale(contest.act)()
    assert contest.tried == TRIES
