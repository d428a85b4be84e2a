"""Fetches and caches the public keys of an issuer (JWKS, RFC 7517).

Only registered issuers are ever asked, no redirect is followed, and one request at a time goes to each.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import jwt

from shared.auth.issuers import Issuer
from shared.clock import Clock
from shared.telemetry import logger

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
_ALGORITHMS_OF = {
    ("EC", "P-256"): ["ES256"],
    ("EC", "P-384"): ["ES384"],
    ("RSA", None): ["RS256", "PS256"],
    ("OKP", "Ed25519"): ["EdDSA"],
}
"""Those for which a key without `alg` may be used (RFC 7518, 3.1), by type and curve."""
_FRESH_SECONDS = 300
_RETRY_SECONDS = 10
_USABLE_SECONDS = 3600
"""How long keys are used while their issuer does not answer."""
_ANSWER_SECONDS = 5
_ANSWER_BYTES = 1 << 20
_MOST_KEYS = 100
_INVALID_ANSWERS = (
    httpx.HTTPError,
    httpx.InvalidURL,
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


class KeysElsewhere(ValueError):
    """The issuer's metadata names an address that nobody registered."""


class IssuerUnavailable(Exception):
    """The issuer's keys are unavailable, so the token can be neither accepted nor refused yet."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"the issuer's keys may be available in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A published key, bound to one of the algorithms for which it may be used."""

    kid: str | None
    algorithm: str
    published: str
    """The key as JSON: keys are equal if they were published alike."""
    key: jwt.PyJWK = field(compare=False)


class IssuerKeys:
    """The keys of an issuer, refreshed every five minutes, and for an unknown key id or a signature that does not hold
    at most every ten seconds.
    """

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: Sequence[VerifyingKey] = ()
        self._fetches = 0
        self._fetched_at = self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        """Returns None for a key that the issuer does not publish for this algorithm. Raises `IssuerUnavailable` where
        it may have published the key since it was last asked.
        """
        fetches = self._fetches
        if not (self._lock.locked() and self._usable(kid)):  # a known key need not wait for a running fetch
            async with self._lock:
                await self._refresh(is_needed=not self._known(kid))
        usable = self._usable(kid)
        if not usable and self._fetches == fetches:
            raise IssuerUnavailable(self._retry_after_seconds())
        return _for(algorithm, usable)

    async def find_replacement(self, refused: VerifyingKey) -> VerifyingKey | None:
        """The key that is published now under the id of a key by which a signature did not hold; None for the same."""
        async with self._lock:
            await self._refresh(is_needed=True)
        found = _for(refused.algorithm, self._usable(refused.kid))
        return None if found == refused else found

    def _known(self, kid: str | None) -> Sequence[VerifyingKey]:
        return [key for key in self._keys if key.kid == kid]

    def _usable(self, kid: str | None) -> Sequence[VerifyingKey]:
        return self._known(kid) if self._clock.monotonic() - self._fetched_at <= _USABLE_SECONDS else []

    def _retry_after_seconds(self) -> int:
        return int(self._asked_at + _RETRY_SECONDS - self._clock.monotonic()) + 1

    async def _refresh(self, *, is_needed: bool) -> None:
        """Limits the rate of requests even where the issuer does not answer."""
        now = self._clock.monotonic()
        is_due = is_needed or now - self._fetched_at > _FRESH_SECONDS
        if not is_due or now - self._asked_at <= _RETRY_SECONDS:
            return
        self._asked_at = now
        try:
            published = await _read_json(await _keys_address(self._issuer))
            keys = _keys_in(published)
        except _INVALID_ANSWERS as wrong:
            _log.warning("no keys from an issuer", issuer=self._issuer.issuer, fault=type(wrong).__name__)
            return
        self._keys = keys
        self._fetched_at = now
        self._fetches += 1


async def _keys_address(issuer: Issuer) -> str:
    """From the issuer's metadata, if the registry names none."""
    return issuer.jwks_uri or keys_address(issuer.issuer, await _read_json(issuer.metadata_uri))


def keys_address(issuer: str, metadata: Mapping[str, Any]) -> str:
    """Refuses metadata of another issuer (OpenID Connect Discovery 1.0, 4.3), and keys at an address that is less
    protected than the issuer's own, or on another host: by its metadata an issuer could have any address asked from
    inside the network.
    """
    if metadata["issuer"] != issuer:
        raise ValueError("the metadata is that of another issuer")
    address, own = httpx.URL(metadata["jwks_uri"]), httpx.URL(issuer)
    if address.scheme not in {"https", own.scheme} or not address.netloc:
        raise ValueError("the metadata names keys that do not come over https")
    if address.netloc != own.netloc:
        raise KeysElsewhere("the keys are on another host than the issuer: name them as `jwks_uri` in the registry")
    return str(address)


async def _read_json(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return dict(json.loads(Path(unquote(parts.path)).read_bytes()))  # noqa: ASYNC240 -- development only, a few bytes
    async with (
        asyncio.timeout(_ANSWER_SECONDS),
        httpx.AsyncClient(timeout=_ANSWER_SECONDS) as client,
        client.stream("GET", uri) as answer,
    ):
        # A redirect is an error here: it could lead to an address that nobody registered.
        answer.raise_for_status()
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > _ANSWER_BYTES:
                raise ValueError("the answer is too large")
        return dict(json.loads(body))


def _for(algorithm: str, keys: Sequence[VerifyingKey]) -> VerifyingKey | None:
    return next((key for key in keys if key.algorithm == algorithm), None)


def _keys_in(published: Mapping[str, Any]) -> Sequence[VerifyingKey]:
    """A malformed key is left out, unless all are: then the answer is something else than keys."""
    if len(published["keys"]) > _MOST_KEYS:
        raise ValueError("the answer contains too many keys")
    keys = [key for key in published["keys"] if isinstance(key, Mapping) and isinstance(key.get("kty"), str)]
    if published["keys"] and not keys:
        raise ValueError("the answer contains no key")
    return [bound for key in keys if _may_verify(key) for bound in _bound(key)]


def _bound(key: Mapping[str, Any]) -> Sequence[VerifyingKey]:
    """The key for each algorithm that may be used with it: none for a symmetric key, with which everybody could sign
    once it is published.
    """
    curve = key.get("crv") if isinstance(key.get("crv"), str) else None
    possible = _ALGORITHMS_OF.get((key["kty"], curve), [])
    algorithms = possible if key.get("alg") is None else [name for name in possible if name == key["alg"]]
    published = json.dumps(key, sort_keys=True)
    try:
        return [
            VerifyingKey(key.get("kid"), name, published, jwt.PyJWK(dict(key), algorithm=name)) for name in algorithms
        ]
    except jwt.PyJWTError:
        return []


def _may_verify(key: Mapping[str, Any]) -> bool:
    """RFC 7517, 4.2 and 4.3: a key that its issuer publishes for anything else than signatures verifies none."""
    operations = key.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    return bool(key.get("use", "sig") == "sig")
