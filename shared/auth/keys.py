"""Fetches and caches the public keys of an issuer (JWKS, RFC 7517)."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import jwt

from shared.auth.issuers import Issuer
from shared.clock import Clock
from shared.telemetry import logger

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
_FRESH_SECONDS = 300
_RETRY_SECONDS = 10
_USABLE_SECONDS = 3600
"""How long keys are used while their issuer does not answer."""
_INVALID_ANSWERS = (
    httpx.HTTPError,
    OSError,
    jwt.PyJWTError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)
"""The errors of an issuer that does not answer, or answers with something else than keys."""
_log = logger(__name__)


class IssuerUnavailable(Exception):
    """The issuer's keys are unavailable, so the token can be neither accepted nor refused."""


class IssuerKeys:
    """The keys of an issuer, refreshed every five minutes, and for an unknown key id at most every ten seconds."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: Sequence[jwt.PyJWK] = ()
        self._fetched_at = self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """Returns None for a key that the issuer does not publish. Raises `IssuerUnavailable`."""
        if not (self._lock.locked() and self._usable(kid)):  # a known key need not wait for a running fetch
            async with self._lock:
                await self._refresh(kid)
        usable = self._usable(kid)
        if usable is None and self._fetched_at < self._asked_at:
            raise IssuerUnavailable
        return usable

    def _known(self, kid: str | None) -> jwt.PyJWK | None:
        return next((key for key in self._keys if key.key_id == kid), None)

    def _usable(self, kid: str | None) -> jwt.PyJWK | None:
        return self._known(kid) if self._clock.monotonic() - self._fetched_at <= _USABLE_SECONDS else None

    async def _refresh(self, kid: str | None) -> None:
        """Limits the rate of requests even where the issuer does not answer."""
        now = self._clock.monotonic()
        is_needed = now - self._fetched_at > _FRESH_SECONDS or self._known(kid) is None
        if not is_needed or now - self._asked_at <= _RETRY_SECONDS:
            return
        self._asked_at = now
        try:
            published = await _read_json(self._issuer.jwks_uri)
            verifying = [key for key in published["keys"] if _may_verify(key)]
            keys = jwt.PyJWKSet.from_dict({"keys": verifying}).keys if verifying else []
        except _INVALID_ANSWERS as wrong:
            _log.warning("no keys from an issuer", issuer=self._issuer.issuer, fault=type(wrong).__name__)
            return
        # With a published symmetric key everybody could sign.
        self._keys = [key for key in keys if key.algorithm_name in ALGORITHMS]
        self._fetched_at = now


async def _read_json(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return dict(json.loads(Path(unquote(parts.path)).read_bytes()))  # noqa: ASYNC240 -- development only, a few bytes
    async with asyncio.timeout(5), httpx.AsyncClient(timeout=5) as client:
        return dict((await client.get(uri)).raise_for_status().json())


def _may_verify(key: Mapping[str, Any]) -> bool:
    """RFC 7517, 4.2 and 4.3: a key that its issuer publishes for anything else than signatures verifies none."""
    operations = key.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    return bool(key.get("use", "sig") == "sig")
