"""Replicas whose clocks are minutes apart share the work, and each takes over what the other has begun."""

import signal
from dataclasses import replace

import pytest

from deploy.stack.model import SERVICES
from tests.crash.site import CrashSite

pytestmark = pytest.mark.timeout(240)
_FIVE_MINUTES = 300


@pytest.mark.full
@pytest.mark.parametrize("seconds", [_FIVE_MINUTES, -_FIVE_MINUTES], ids=["ahead", "behind"])
async def test_a_second_replica_with_a_wrong_clock_violates_no_guarantee(crashes: CrashSite, seconds: int) -> None:
    second = {service: crashes.cluster.join(service, skewed=seconds) for service in SERVICES}
    for replica in second.values():
        await replica.ready()
    addresses = {service: replica.address for service, replica in second.items()}
    beside = replace(crashes.world, api=replace(crashes.world.api, addresses=addresses))

    for _ in crashes.world.mentees * 3:
        await crashes.world.turn()
        await beside.turn()
    for service in SERVICES:
        await crashes.cluster.end(crashes.cluster.running[service], by=signal.SIGKILL)
    for _ in crashes.world.mentees * 2:
        await beside.turn()
    for service in SERVICES:
        await crashes.cluster.start(service).ready()
    for _ in crashes.world.mentees:
        await crashes.world.turn()
        await beside.turn()

    how = "ahead" if seconds > 0 else "behind"
    await crashes.assert_settles(f"second replicas {abs(seconds) // 60} minutes {how}, the first ones killed, and back")
