"""What the three APIs share. Import from here."""

from shared.http.app import create_app
from shared.http.idempotency import Idempotency, IdempotencyKey, router
from shared.http.problems import Problem, problem, problems
from shared.http.requests import (
    ExpectedVersion,
    KnownVersion,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    etag,
    from_cursor,
    principal,
    to_cursor,
)

__all__ = [
    "ExpectedVersion",
    "Idempotency",
    "IdempotencyKey",
    "KnownVersion",
    "Limit",
    "NewId",
    "Page",
    "Problem",
    "SignedIn",
    "Traced",
    "create_app",
    "etag",
    "from_cursor",
    "principal",
    "problem",
    "problems",
    "router",
    "to_cursor",
]
