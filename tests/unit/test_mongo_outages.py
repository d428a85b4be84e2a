"""What is an outage, which waiting mends, and what is not."""

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from shared.mongo import is_outage

_FORGOTTEN = OperationFailure("no such transaction", 251, {"errorLabels": ["TransientTransactionError"]})


@pytest.mark.parametrize("error", [AutoReconnect("gone"), _FORGOTTEN, OperationFailure("shutting down", 91)])
def test_what_a_restarted_server_says_is_an_outage(error: PyMongoError) -> None:
    assert is_outage(error)


@pytest.mark.parametrize("error", [OperationFailure("no such field", 9), ValueError("ours")])
def test_what_is_wrong_with_a_command_is_none(error: Exception) -> None:
    assert not is_outage(error)
