"""How rosters are received and worked off, on stores kept in memory."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from services.profiles.programmes.domain import Programme
from services.profiles.rosters.domain.reading import Row
from services.profiles.rosters.usecases import CHUNK, Chunk, Plan, Roster, RosterIntake, RowFilter, RowResult
from services.profiles.rosters.worker import RosterWorker
from shared.contracts.envelope import Trace
from shared.errors import Forbidden, NotFound, Rejected
from shared.principal import Principal
from shared.scope import Scope

MAPPING = b"sections: {s: {fields: {name: {column: name}, email: {column: mail}}}}"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = Trace(correlation_id="c")


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def new_id(self) -> str:
        return "new"


@dataclass
class RostersInMemory:
    """Rosters in memory. `worked` says which roster each applied chunk was of."""

    rosters: dict[str, Roster] = field(default_factory=dict)
    chunks: dict[str, list[Chunk]] = field(default_factory=dict)
    worked: list[str] = field(default_factory=list)

    async def begin(self, roster: Roster) -> Roster:
        return self.rosters.setdefault(roster.id, roster)

    async def keep(self, roster: Roster, number: int, rows: Sequence[Row]) -> None:
        self.chunks.setdefault(roster.id, []).append(Chunk(f"{number}", rows))

    async def received(self, roster: Roster, rows: int, titles: Sequence[str]) -> Roster:
        self.rosters[roster.id] = replace(roster, state="waiting", rows=rows, titles=tuple(titles))
        return self.rosters[roster.id]

    async def discard(self, roster: Roster) -> None:
        del self.rosters[roster.id]
        self.chunks.pop(roster.id, None)

    async def fail(self, roster: Roster) -> None:
        self.rosters[roster.id] = replace(roster, state="failed")

    async def find(self, scope: Scope, id: str) -> Roster | None:
        roster = self.rosters.get(id)
        return roster if roster and roster.institution == scope.institution else None

    async def page(self, scope: Scope, before: tuple[datetime, str] | None, limit: int) -> Sequence[Roster]:
        raise NotImplementedError

    async def verdicts(
        self, institution: str, id: str, wanted: RowFilter, after: int, limit: int
    ) -> Sequence[RowResult]:
        raise NotImplementedError

    async def waiting(self) -> Sequence[Roster]:
        return [roster for roster in self.rosters.values() if roster.state == "waiting"]

    async def undoing(self) -> Sequence[Roster]:
        return []

    async def abandoned(self, before: datetime) -> Sequence[Roster]:
        return [
            roster for roster in self.rosters.values() if roster.state == "receiving" and roster.created_at < before
        ]

    async def next_chunk(self, roster: Roster) -> Chunk | None:
        left = self.chunks.get(roster.id)
        return left[0] if left else None

    async def apply(self, roster: Roster, chunk: Chunk, plan: Plan) -> None:
        assert plan([], {})
        self.chunks[roster.id].remove(chunk)
        self.worked.append(roster.id)

    async def forget_cells(self, now: datetime) -> None: ...

    async def finish(self, roster: Roster, at: datetime) -> None:
        self.rosters[roster.id] = replace(roster, state="done", finished_at=at)


class NothingToUndo:
    async def forget_old(self, now: datetime) -> None: ...


async def nothing_unknown(*_: object) -> Mapping[str, Sequence[str]]:
    return {}


@dataclass
class ALease:
    """Ours for so many takes."""

    takes: int = 1_000_000

    @property
    def is_held(self) -> bool:
        return self.takes > 0

    async def take(self) -> bool:
        self.takes -= 1
        return self.takes >= 0


class NoProgrammes:
    async def named(self, *_: Sequence[str]) -> Sequence[Programme]:
        return []


def worker_of(repository: "RostersInMemory", lease: ALease | None = None) -> RosterWorker:
    parts = (repository, NoProgrammes(), NothingToUndo(), nothing_unknown, lease or ALease(), FixedClock())
    return RosterWorker(*parts)  # type: ignore[arg-type]


def principal(*roles: str, programmes: Sequence[str] = (), institution: str = "here") -> Principal:
    return Principal(
        subject_hash="h", institution=institution, roles=frozenset(roles), programmes=frozenset(programmes)
    )


def csv(rows: int) -> bytes:
    return b"name,mail\n" + b"".join(b"P,p%d@x.org\n" % number for number in range(rows))


async def receive(
    repository: RostersInMemory, file: bytes, me: Principal, *, id: str = "r", max_rows: int = 100_000
) -> Roster:
    receiving = RosterIntake(repository, NoProgrammes(), NothingToUndo(), clock=FixedClock(), max_rows=max_rows)  # type: ignore[arg-type]
    return await receiving.receive(
        me, id=id, file=io.BytesIO(file), mapping_text=MAPPING, section_name="s", dry_run=False, trace=TRACE
    )


async def test_a_file_is_stored_in_chunks_before_it_is_processed() -> None:
    repository = RostersInMemory()
    roster = await receive(repository, csv(CHUNK + 1), principal("institution_coordinator"))
    assert (roster.state, roster.rows) == ("waiting", CHUNK + 1)
    assert [len(chunk.rows) for chunk in repository.chunks["r"]] == [CHUNK, 1]


async def test_a_file_that_breaks_in_the_middle_leaves_nothing() -> None:
    repository = RostersInMemory()
    with pytest.raises(Rejected):
        await receive(repository, csv(CHUNK * 2) + b"\xff,x\n", principal("institution_coordinator"))
    assert (repository.rosters, repository.chunks) == ({}, {})


class Full(RostersInMemory):
    async def keep(self, roster: Roster, number: int, rows: Sequence[Row]) -> None:
        await super().keep(roster, number, rows)
        raise OverflowError("the document is too large")


async def test_a_file_that_cannot_be_kept_leaves_nothing() -> None:
    repository = Full()
    with pytest.raises(OverflowError):
        await receive(repository, csv(1), principal("institution_coordinator"))
    assert (repository.rosters, repository.chunks) == ({}, {})


async def test_a_file_of_too_many_rows_is_refused_whole() -> None:
    repository = RostersInMemory()
    with pytest.raises(Rejected):
        await receive(repository, csv(11), principal("institution_coordinator"), max_rows=10)
    assert repository.rosters == {}


async def test_the_same_upload_again_is_the_same_roster() -> None:
    repository = RostersInMemory()
    first = await receive(repository, csv(1), principal("institution_coordinator"))
    assert await receive(repository, csv(1), principal("institution_coordinator")) == first
    assert len(repository.chunks["r"]) == 1


async def test_members_and_limited_coordinators_send_no_roster_of_the_institution() -> None:
    for me in (principal("member"), principal("operator"), principal("coordinator", programmes=["p"])):
        with pytest.raises(Forbidden):
            await receive(RostersInMemory(), csv(1), me)


async def test_rosters_take_turns_by_chunk() -> None:
    repository = RostersInMemory()
    await receive(repository, csv(CHUNK * 3), principal("institution_coordinator"), id="long")
    await receive(repository, csv(1), principal("institution_coordinator", institution="there"), id="short")
    await worker_of(repository).work()
    assert repository.worked == ["long", "short", "long", "long"]
    assert {roster.state for roster in repository.rosters.values()} == {"done"}


class OneBroken(RostersInMemory):
    async def apply(self, roster: Roster, chunk: Chunk, plan: Plan) -> None:
        if roster.id == "broken":
            raise OverflowError("the chunk cannot be written")
        await super().apply(roster, chunk, plan)


async def test_a_roster_whose_chunk_fails_does_not_hold_up_the_others_and_its_fault_is_raised() -> None:
    repository = OneBroken()
    await receive(repository, csv(1), principal("institution_coordinator"), id="broken")
    await receive(repository, csv(CHUNK * 2), principal("institution_coordinator", institution="there"), id="whole")
    with pytest.raises(ExceptionGroup) as raised:
        await worker_of(repository).work()
    assert [type(fault) for fault in raised.value.exceptions] == [OverflowError]
    assert {id: roster.state for id, roster in repository.rosters.items()} == {"broken": "waiting", "whole": "done"}


async def test_a_worker_that_loses_the_lease_stops_and_the_next_continues() -> None:
    repository = RostersInMemory()
    await receive(repository, csv(CHUNK * 3), principal("institution_coordinator"))
    await worker_of(repository, ALease(takes=2)).work()
    assert len(repository.worked) == 1
    await worker_of(repository).work()
    assert len(repository.worked) == 3
    assert repository.rosters["r"].state == "done"


async def test_an_interrupted_upload_is_reported_as_failed() -> None:
    repository = RostersInMemory()
    old = Roster(
        id="old",
        scope=Scope(institution="here", is_whole=True),
        section="s",
        dry_run=False,
        authoritative=frozenset(),
        created_at=NOW - timedelta(hours=1),
        trace=TRACE,
    )
    repository.rosters = {"old": old, "fresh": replace(old, id="fresh", created_at=NOW)}
    await worker_of(repository).work()
    assert [repository.rosters[id].state for id in ("old", "fresh")] == ["failed", "receiving"]


async def test_another_institutions_roster_is_not_found() -> None:
    repository = RostersInMemory()
    await receive(repository, csv(1), principal("institution_coordinator"))
    receiving = RosterIntake(repository, NoProgrammes(), NothingToUndo(), clock=FixedClock(), max_rows=1)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await receiving.see(principal("institution_coordinator", institution="there"), "r")
