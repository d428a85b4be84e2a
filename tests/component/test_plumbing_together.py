"""Many records that arrive together: one transaction for many of them, and the same result as one for each."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.contracts.envelope import Received
from shared.contracts.matching import SuggestionsChanged
from shared.mongo import Transaction
from tests.component.conftest import Plumbing
from tests.component.consuming import Effects, Sent, parked, record, suggestions
from tests.component.test_extreme_values import Unsubscribed, unsubscribed


class Together:
    """Reacts to many events in one transaction, and remembers how many they were."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.sizes: list[int] = []

    def __call__(self, events: Sequence[Received], transaction: Transaction) -> None:
        self.sizes.append(len(events))
        for event in events:
            self._effects(event, transaction)


@pytest.fixture
def effects(plumbing: Plumbing, tenant: str) -> Effects:
    return Effects(plumbing, tenant)


@pytest.fixture
def together(effects: Effects) -> Together:
    return Together(effects)


@pytest.fixture
def consumers(plumbing: Plumbing, effects: Effects, together: Together) -> Unsubscribed:
    consumers = unsubscribed(plumbing, "matching")
    consumers.reaction({SuggestionsChanged: effects}, together=together)
    return consumers


def sent(records: Sequence[dict[str, Any]]) -> list[Sent]:
    return [Sent(offset=offset, **record) for offset, record in enumerate(records)]


async def test_events_share_a_transaction_and_each_takes_effect_once(
    plumbing: Plumbing, tenant: str, effects: Effects, together: Together, consumers: Unsubscribed
) -> None:
    people = [f"m{number:02}" for number in range(40)]
    records = [
        record(plumbing, suggestions(tenant, person, version), tenant, sequence=version)
        for version in (1, 2)
        for person in people
    ]
    [handle] = consumers.handlers
    await handle(sent(records))
    await handle(sent([*records[:12], record(plumbing, suggestions(tenant, "new"), tenant)]))

    expected = {*((person, version) for person in people for version in (1, 2)), ("new", 1)}
    effective = await effects.effects()
    assert (len(effective), set(effective)) == (len(expected), expected)
    assert together.sizes == [64, 16, 1], "of the second batch one is new"
    assert all(effective.index((person, 1)) < effective.index((person, 2)) for person in people)


async def test_a_failure_of_one_event_is_parked_alone(
    plumbing: Plumbing, tenant: str, effects: Effects, together: Together, consumers: Unsubscribed
) -> None:
    effects.refuse = {"m03"}
    broken = record(plumbing, suggestions(tenant, "broken"), tenant, value=b"{nonsense")
    behind_broken = record(plumbing, suggestions(tenant, "broken", 2), tenant, sequence=2)
    good = [record(plumbing, suggestions(tenant, f"m{number:02}"), tenant) for number in range(12)]
    [handle] = consumers.handlers
    await handle(sent([broken, *good, behind_broken]))
    assert {mentee for mentee, _ in await effects.effects()} == {f"m{number:02}" for number in range(12)} - {"m03"}
    waiting = await plumbing.parking.waiting()
    assert sorted(each.reason for each in waiting) == ["behind_parked", "handler_refused", "malformed"]
    assert together.sizes == [12], "unreadable records and what follows them are left out"


async def test_a_key_with_a_parked_record_waits_while_others_are_handled(
    plumbing: Plumbing, tenant: str, effects: Effects, together: Together, consumers: Unsubscribed
) -> None:
    effects.refuse = {"held"}
    [handle] = consumers.handlers
    await handle(sent([record(plumbing, suggestions(tenant, "held"), tenant)]))
    effects.refuse = set()
    good = [record(plumbing, suggestions(tenant, f"m{number:02}"), tenant) for number in range(12)]
    await handle(sent([*good, record(plumbing, suggestions(tenant, "held", 2), tenant, sequence=2)]))
    assert {mentee for mentee, _ in await effects.effects()} == {f"m{number:02}" for number in range(12)}
    assert await parked(plumbing, tenant) == [("handler_refused", 1), ("behind_parked", 2)]
    assert together.sizes == [12]


async def test_an_event_that_another_replica_handled_since_is_not_handled_again(
    plumbing: Plumbing, tenant: str, effects: Effects, consumers: Unsubscribed
) -> None:
    records = [record(plumbing, suggestions(tenant, f"m{number:02}"), tenant) for number in range(12)]
    [handle] = consumers.handlers
    other = unsubscribed(plumbing, "matching")
    other.reaction({SuggestionsChanged: effects})
    [handle_elsewhere] = other.handlers

    async def none_yet(*_: object, **__: object) -> set[str]:
        return set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.consuming.inbox.handled", none_yet)
        await handle_elsewhere(sent(records[:3]))
        await handle(sent(records))
    assert sorted(await effects.effects()) == [(f"m{number:02}", 1) for number in range(12)]
    assert await parked(plumbing, tenant) == []
