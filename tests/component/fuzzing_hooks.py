"""Loaded by schemathesis in its own process: lets what fits the document get as far as the handlers."""

import os
import uuid
from typing import Any

import requests
import schemathesis

_LARGEST_KEY = 200
_SIGNED = {"authorization": f"Bearer {os.environ['FUZZING_TOKEN']}"}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:  # noqa: ARG001 -- as it is called
    """A key for every request, or each would be answered like the first; the version that there is."""
    headers = case.headers
    if "Idempotency-Key" in headers and 1 <= len(headers["Idempotency-Key"]) <= _LARGEST_KEY:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.method == "PATCH" and headers.get("if-match", "").startswith('"'):
        now = requests.get(f"{case.operation.base_url}{case.formatted_path}", headers=_SIGNED, timeout=10)
        headers["if-match"] = now.headers.get("etag", headers["if-match"])
