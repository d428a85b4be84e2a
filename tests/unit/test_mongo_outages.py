"""What is an outage, which waiting mends, and what is not."""

import pytest
from bson import encode
from bson.errors import InvalidBSON
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, OperationFailure, PyMongoError

from shared.mongo import is_outage, refuses_value

_FORGOTTEN = OperationFailure("no such transaction", 251, {"errorLabels": ["TransientTransactionError"]})


@pytest.mark.parametrize("error", [AutoReconnect("gone"), _FORGOTTEN, OperationFailure("shutting down", 91)])
def test_a_restarting_server_counts_as_an_outage(error: PyMongoError) -> None:
    assert is_outage(error)


@pytest.mark.parametrize("error", [OperationFailure("no such field", 9), ValueError("ours")])
def test_an_invalid_command_is_not_an_outage(error: Exception) -> None:
    assert not is_outage(error)


@pytest.mark.parametrize("value", [2**63, -(2**70), "\ud800", {"a\0b": 1}, {1: 2}, object()])
def test_a_value_that_the_driver_cannot_encode_is_refused(value: object) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- each has a kind of its own
        encode({"value": value})
    assert refuses_value(raised.value)
    assert not is_outage(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        DocumentTooLarge("17 MB"),
        InvalidBSON("no"),
        OperationFailure("too large", 10334),
        BulkWriteError({"writeErrors": [{"code": 11000}, {"code": 121}]}),
    ],
)
def test_a_value_that_the_server_refuses_is_refused(error: Exception) -> None:
    assert refuses_value(error)
    assert not is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("gone"),
        OperationFailure("not authorized", 13),
        OperationFailure("hint provided does not correspond to an existing index", 2),
        OperationFailure("out of disk space", 14031),
        BulkWriteError({"writeErrors": [{"code": 11600}]}),
        RuntimeError("ours"),
    ],
)
def test_server_states_and_program_faults_are_not_the_value_s_fault(error: Exception) -> None:
    assert not refuses_value(error)
