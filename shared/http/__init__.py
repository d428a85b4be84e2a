"""The HTTP plumbing of the three APIs. Import from here."""

from shared.http.app import Observed, create_app, health, operations
from shared.http.cors import allow_origins
from shared.http.cursors import from_cursor, line_after, moment_before, text_after, to_cursor
from shared.http.idempotency import Idempotency, IdempotencyKey, router
from shared.http.problems import Problem, problem, problems
from shared.http.requests import (
    PLAIN_INTEGER,
    ExpectedVersion,
    KnownVersion,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    etag,
    page_of,
    principal,
    with_etag,
)

__all__ = [
    "PLAIN_INTEGER",
    "ExpectedVersion",
    "Idempotency",
    "IdempotencyKey",
    "KnownVersion",
    "Limit",
    "NewId",
    "Observed",
    "Page",
    "Problem",
    "SignedIn",
    "Traced",
    "allow_origins",
    "create_app",
    "etag",
    "from_cursor",
    "health",
    "line_after",
    "moment_before",
    "operations",
    "page_of",
    "principal",
    "problem",
    "problems",
    "router",
    "text_after",
    "to_cursor",
    "with_etag",
]
