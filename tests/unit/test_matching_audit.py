"""The quiet audit finds a list that is wrong, says so, and has it mended; a list in work it takes for none."""

from dataclasses import replace

import pytest

from services.matching.suggestions.audit import Audit
from services.matching.suggestions.domain import Enrolment, Shortlist
from services.matching.suggestions.queue import Origin
from services.matching.suggestions.updater import Change, ListSnapshot
from tests.unit.matching_people import CARE, mentee, mentor, policy
from tests.unit.test_list_updater import ListsInMemory, World, later, member

ANA = f"{CARE}.ana"


class Counted:
    def __init__(self) -> None:
        self.lists = self.differences = 0

    def audited(self, *, differs: bool) -> None:
        self.lists += 1
        self.differences += differs


class Audited(World):
    def __init__(self, repository: ListsInMemory | None = None) -> None:
        super().__init__(repository)
        self.counted = Counted()
        self.audit = Audit(self.updater, self.repository, clock=self.time, watch=self.counted)

    async def look(self) -> tuple[int, int]:
        for _ in range(20):
            await self.audit.look()
        return self.counted.lists, self.counted.differences

    def plant(self, shortlist: Shortlist) -> None:
        self.repository.lists[ANA] = replace(self.repository.lists[ANA], shortlist=shortlist)


@pytest.fixture
async def world() -> Audited:
    world = Audited()
    await world.start()
    await world.change(*policy().institutions.values(), policy().programme)
    await world.change(member(mentor("milo")), member(mentor("mara", specialty="surgery")), member(mentee("ana")))
    await world.pass_time()
    return world


async def test_the_audit_counts_correct_lists_and_changes_nothing(world: Audited) -> None:
    events = len(world.repository.events)
    assert await world.look() == (20, 0)
    await world.pass_time()
    assert len(world.repository.events) == events


async def test_the_audit_counts_a_wrong_list_once_and_corrects_it(world: Audited) -> None:
    right = world.repository.shortlist("ana")
    world.plant(Shortlist(right.entries[:1]))
    _, differences = await world.look()
    assert differences == 1
    await world.pass_time()
    assert world.repository.shortlist("ana") == right
    assert world.repository.from_events("ana") == (right.mentors, None)
    assert (await world.look())[1] == 1


async def test_the_audit_counts_a_wrong_contribution_as_a_wrong_list(world: Audited) -> None:
    right = world.repository.shortlist("ana")
    first = right.entries[0]._replace(contributions=(0,) * len(right.entries[0].contributions))
    world.plant(Shortlist((first, *right.entries[1:])))
    assert (await world.look())[1] == 1
    await world.pass_time()
    assert world.repository.shortlist("ana") == right


async def test_a_wrong_reserve_is_found_as_soon_as_it_has_made_a_list_wrong(world: Audited) -> None:
    pool = world.updater._network.pool(CARE)
    pool._reserves._scores[:] = 1
    await world.change(later(mentor("mara"), 2, capacity=0))
    await world.pass_time()
    assert (await world.look())[1] == 1
    await world.pass_time()
    assert (await world.look())[1] == 1


async def test_the_audit_skips_a_list_that_is_queued_for_renewal(world: Audited) -> None:
    world.updater.apply([Change(later(mentee("ana"), 2, specialty="surgery"), Origin("event", "correlation"))])
    assert await world.look() == (0, 0)
    await world.work()
    world.updater.apply([Change(later(mentor("mara"), 2, capacity=0), Origin("event", "correlation"))])
    assert await world.look() == (0, 0)


async def test_the_audit_ignores_a_change_that_arrives_while_it_reads(world: Audited) -> None:
    class Slow(ListsInMemory):
        async def stored(self, enrolment: Enrolment, *, fence: int) -> ListSnapshot | None:
            found = await world.repository.stored(enrolment, fence=fence)
            await world.change(later(mentee("ana"), world.time.ids + 2, specialty="surgery"))
            return found

    world.audit = Audit(world.updater, Slow(), clock=world.time, watch=world.counted)
    await world.audit.look()
    assert world.counted.lists == 0


async def test_the_audit_ignores_lists_of_another_holder(world: Audited) -> None:
    world.repository.fences = {shard: fence + 1 for shard, fence in world.repository.fences.items()}
    assert await world.look() == (0, 0)
