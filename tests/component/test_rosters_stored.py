"""Rosters and their chunks on a real MongoDB where the same request comes again, or a document exists already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MongoMemberRepository
from services.profiles.rosters.domain.merging import Outcome
from services.profiles.rosters.domain.reading import Row
from services.profiles.rosters.repository.rosters import MongoRosterRepository
from services.profiles.rosters.usecases import Roster
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict
from shared.mongo import BulkWriteError, Database, DuplicateKeyError
from shared.scope import Scope


@pytest.fixture
async def rosters(database: Database, clock: Clock) -> MongoRosterRepository:
    members = MongoMemberRepository(database, clock)
    rosters = MongoRosterRepository(database, members, clock)
    await members.prepare()
    await rosters.prepare()
    return rosters


@pytest.fixture
def roster(clock: Clock) -> Roster:
    return Roster(
        id="r1",
        scope=Scope(institution="here", is_whole=True),
        section="people",
        dry_run=False,
        authoritative=frozenset(),
        created_at=clock.now(),
        trace=Trace(correlation_id="c"),
    )


async def test_a_retry_with_a_more_limited_token_finds_the_first_requests_roster(
    rosters: MongoRosterRepository, roster: Roster
) -> None:
    received = await rosters.received(await rosters.begin(roster), 0, ())
    limited = replace(roster, scope=Scope(institution="here", programmes=frozenset({"here.care"})))
    assert await rosters.begin(limited) == received


async def test_a_roster_whose_id_another_institution_has_is_not_reported_as_begun(
    rosters: MongoRosterRepository, roster: Roster
) -> None:
    await rosters.begin(roster)
    with pytest.raises(DuplicateKeyError):
        await rosters.begin(replace(roster, scope=Scope(institution="there", is_whole=True)))


async def test_a_roster_that_was_taken_for_abandoned_is_not_applied_in_part(
    rosters: MongoRosterRepository, roster: Roster
) -> None:
    begun = await rosters.begin(roster)
    await rosters.keep(begun, 0, [Row(line=2)])
    await rosters.fail(begun)
    await rosters.keep(begun, 1, [Row(line=252)])
    with pytest.raises(Conflict, match="nothing was imported"):
        await rosters.received(begun, 251, ())
    found = await rosters.find(roster.scope, roster.id)
    assert found is not None
    assert (found.state, await rosters.next_chunk(found)) == ("failed", None)


async def test_a_duplicate_that_is_no_members_value_is_a_fault_and_refuses_no_row(
    rosters: MongoRosterRepository, roster: Roster, database: Database
) -> None:
    await rosters.begin(roster)
    await rosters.keep(roster, 0, [Row(line=2)])
    await database["roster_rows"].insert_one({"_id": "r1:000000002"})
    chunk = await rosters.next_chunk(roster)
    assert chunk is not None

    def plan(_known: Sequence[Versioned[Member]], taken: Mapping[int, str]) -> Sequence[Outcome]:
        assert not taken, "the row is blamed for a value that it does not have"
        ada = Member(id="m-ada", institution="here", name="Ada", email="ada@x.org")
        return [Outcome(line=2, verdict="created", member=ada.id, after=ada)]

    with pytest.raises(BulkWriteError):
        await rosters.apply(roster, chunk, plan)
    assert await database["members"].count_documents({}) == 0
