"""Lets scripts of other origins call an API (Fetch Standard, CORS protocol): of those that are set, and of no others.

They send tokens; credentials that a browser adds itself are not allowed, and no service has cookies.
"""

import re
from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_SENT = (
    "Authorization",
    "Content-Type",
    "If-Match",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-Correlation-Id",
    "traceparent",
)
_READ = ("ETag", "Location", "Retry-After", "Content-Disposition", "Idempotency-Replayed", "X-Correlation-Id")
_PREFLIGHT_SECONDS = 600


def origins_in(setting: str, *, is_production: bool) -> Sequence[str]:
    """The origins of a setting, which are separated by commas. Raises `ValueError` for anything else than origins."""
    origins = [origin.strip() for origin in setting.split(",") if origin.strip()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError("must be origins like https://app.example.org, several with commas; `*` is not possible")
        if is_production and not origin.startswith("https://"):
            raise ValueError("origins must begin with https:// in production")
    return origins


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_SENT,
            expose_headers=_READ,
            max_age=_PREFLIGHT_SECONDS,
        )
