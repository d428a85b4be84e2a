"""Which answers of a MongoDB server make it fit for a service."""

import pytest

from shared.store_check import shortcoming, too_old


@pytest.mark.parametrize(
    ("hello", "message"),
    [
        ({"isWritablePrimary": True}, "not a member of a replica set"),
        ({"isWritablePrimary": False, "isreplicaset": True}, "not a member of a replica set"),
        ({"isWritablePrimary": False, "setName": "rs0"}, "not the primary"),
    ],
)
def test_a_server_that_cannot_take_transactions_is_unfit(hello: dict[str, object], message: str) -> None:
    assert message in (shortcoming(hello) or "")


def test_a_primary_and_a_sharded_clusters_router_are_fit() -> None:
    assert shortcoming({"isWritablePrimary": True, "setName": "rs0"}) is None
    assert shortcoming({"isWritablePrimary": True, "msg": "isdbgrid"}) is None


@pytest.mark.parametrize(
    ("version", "is_fit"), [([5, 0, 31, 0], False), ([4, 4], False), ([6, 0, 0], True), ([10, 1], True)]
)
def test_a_server_older_than_six_is_refused(version: list[int], *, is_fit: bool) -> None:
    message = too_old(version)
    assert (message is None) is is_fit
    assert is_fit or "6.0 is the oldest version supported" in (message or "")
