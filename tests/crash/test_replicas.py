"""Several processes of one service: one is killed, or stopped past its lease and resumed, or joins."""

import signal
from collections.abc import AsyncIterator

import pytest

from deploy.stack.model import SERVICES
from tests.crash.cluster import Replica
from tests.crash.outside import GROUPS, members
from tests.crash.site import CrashSite
from tests.eventually import eventually

_GENEROUS_SECONDS = 20
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def without_relay(crashes: CrashSite) -> AsyncIterator[CrashSite]:
    """Profiles without a publisher of its outbox: the test starts and stops one."""
    await crashes.cluster.end(crashes.cluster.running["profiles"])
    await crashes.cluster.start("profiles", roles=["api", "consumer"]).ready()
    yield crashes
    await crashes.cluster.end(crashes.cluster.running["profiles"])


async def drained(site: CrashSite) -> bool:
    return not await site.pending("profiles")


async def stopped(replica: Replica) -> None:
    await eventually(lambda: replica.is_stopped, within=30, message="the relay stops at its fail-point")


async def publishes_all(site: CrashSite) -> None:
    await eventually(lambda: drained(site), within=30, message="the other relay has published all that waited")


@pytest.mark.parametrize(
    "point",
    [
        "after-publish:1",
        pytest.param("after-publish:2", marks=pytest.mark.full),
        pytest.param("before-mark:1", marks=pytest.mark.full),
    ],
)
async def test_a_relay_resumed_after_its_lease_expired_violates_no_guarantee(
    without_relay: CrashSite, point: str
) -> None:
    site, mentee = without_relay, without_relay.world.mentees[0]
    for n in range(4):
        await site.world.turn_round(mentee, n)
    sleeper = site.cluster.join("profiles", failpoint=f"profiles.relay.{point}:stop", roles=["relay"])
    await stopped(sleeper)
    site.cluster.join("profiles", roles=["relay"])
    await site.world.turn_round(mentee, 4)
    await publishes_all(site)

    sleeper.send(signal.SIGCONT)

    await eventually(sleeper.has_published, within=30, message="who slept has done with what it held")
    await site.assert_settles(f"profiles.relay stopped at {point} past its lease, and resumed")


async def test_a_relay_s_standby_takes_over_when_it_is_killed(without_relay: CrashSite) -> None:
    site = without_relay
    leader = site.cluster.join("profiles", roles=["relay"])
    await site.world.turn()
    await publishes_all(site)
    standby = site.cluster.join("profiles", roles=["relay"])
    await standby.ready()

    leader.send(signal.SIGKILL)
    began = site.clock.monotonic()
    await site.world.turn()
    await publishes_all(site)
    took = site.clock.monotonic() - began

    await site.assert_settles("profiles.relay killed, a standby takes over", figures={"until it published": took})
    assert took < _GENEROUS_SECONDS


@pytest.fixture
async def without_lists(crashes: CrashSite) -> AsyncIterator[CrashSite]:
    """Matching stores what it consumes and publishes; who keeps the lists is the test's to start."""
    assert not await crashes.settles()
    await crashes.cluster.end(crashes.cluster.running["matching"])
    await crashes.cluster.start("matching", roles=["api", "consumer", "relay"]).ready()
    yield crashes
    await crashes.cluster.end(crashes.cluster.running["matching"])


async def test_an_own_change_is_announced_although_its_shard_holder_died_before_writing(
    without_lists: CrashSite,
) -> None:
    """The change only reorders the list: the next keeper must still know that it was the mentee's own."""
    site = without_lists
    updater = site.cluster.join("matching", failpoint="matching.lists.before-save:1", roles=["clockwork"])
    await updater.ready()
    await site.world.turn()
    await updater.killed(within=30)
    site.cluster.join("matching", roles=["clockwork"])
    await site.assert_settles("a mentee's own change, its list's keeper killed before it wrote the list")


@pytest.mark.full
@pytest.mark.parametrize("service", ["matching", "notifications"])
async def test_a_second_replica_continues_when_the_first_is_killed(crashes: CrashSite, service: str) -> None:
    await crashes.cluster.join(service).ready()
    async with crashes.under_way():
        await crashes.cluster.end(crashes.cluster.running[service], by=signal.SIGKILL)
    await crashes.assert_settles(f"{service} killed beside a second replica")


@pytest.mark.full
@pytest.mark.parametrize("service", SERVICES)
async def test_a_second_replica_joins_and_leaves_during_changes(crashes: CrashSite, service: str) -> None:
    async with crashes.under_way():
        second = crashes.cluster.join(service)
        await second.ready()
        await crashes.world.turn()
        await crashes.cluster.end(second)
    await crashes.assert_settles(f"a second replica of {service} joins and leaves")


@pytest.mark.full
@pytest.mark.parametrize("service", ["matching", "notifications"])
async def test_a_consumer_resumed_past_its_session_violates_no_guarantee(crashes: CrashSite, service: str) -> None:
    await crashes.cluster.join(service).ready()
    first = crashes.cluster.running[service]
    async with crashes.under_way():
        first.send(signal.SIGSTOP)
    await crashes.holds_nothing(first)
    await crashes.settles()

    async with crashes.under_way():
        first.send(signal.SIGCONT)
        await crashes.world.turn()

    await crashes.assert_settles(f"{service} stopped past its session and leases, and resumed")


@pytest.mark.no_row
@pytest.mark.parametrize("service", SERVICES)
async def test_a_stopping_service_releases_leases_and_partitions_immediately(crashes: CrashSite, service: str) -> None:
    replica, bootstrap = crashes.cluster.running[service], crashes.cluster.stack.bootstrap
    groups = [group for group in GROUPS if group.startswith(service)]

    async def are_settled() -> bool:
        return all([await members(bootstrap, group) == ("Stable", 1) for group in groups])

    await eventually(are_settled, within=30, message="each group has this replica alone")
    assert not await crashes.settles()

    await crashes.cluster.end(replica)

    holder = {"$regex": f"-{replica.program.pid}-"}
    assert not await crashes.databases[service]["leases"].count_documents({"holder": holder})
    assert [await members(bootstrap, group) for group in groups] == [("Empty", 0)] * len(groups)
