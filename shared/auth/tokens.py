"""Verifies bearer tokens of registered issuers, each of which may name members of its own institutions only.

Sources: RFC 6750 (bearer), RFC 7519 (JWT), RFC 8725 (we choose the algorithms, not the token).
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from shared.auth.claims import Unauthenticated, read_expiry, read_principal, read_subject
from shared.auth.issuers import Issuer, by_issuer, near
from shared.auth.keys import ALGORITHMS, IssuerKeys, IssuerUnavailable, VerifyingKey
from shared.clock import Clock
from shared.errors import Forbidden
from shared.principal import Principal
from shared.telemetry import Metrics, logger

_LEEWAY_SECONDS = 30
_VERIFIED_TOKENS = 10_000
_DATES = ("exp", "nbf", "iat")
_TOKEN_LENGTH = 16_384
_ISSUER_SHOWN = 200
_INVALID = "the token is not valid: its signature or a claim is wrong; get a new one"
_log = logger(__name__)


class _SignatureRefused(Unauthenticated):
    def __init__(self) -> None:
        super().__init__("token_invalid", _INVALID)


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: Principal
    issuer: str
    key: VerifyingKey


class Authenticator:
    """Remembers the tokens that it verified by their digests: until they expire, or their key is published no more."""

    def __init__(self, issuers: Sequence[Issuer], clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._refused = metrics.refused_sign_ins
        self._verified: dict[bytes, _Verified] = {}
        self._issuers = by_issuer(issuers)
        self._keys = {issuer: IssuerKeys(entries[0], clock) for issuer, entries in self._issuers.items()}
        for entry in issuers:
            if entry.coordinators_without_programmes_coordinate_the_institution:
                _log.warning(
                    "tokens with the role coordinator and no programmes give access to their whole institution: have "
                    "the issuer send the role institution_coordinator, then remove this setting",
                    issuer=entry.issuer,
                    setting="coordinators_without_programmes_coordinate_the_institution",
                )

    async def principal(self, authorization: str | None) -> Principal:
        """Raises `Unauthenticated`, `IssuerUnavailable`, or `Forbidden` for claims that the issuer may not make."""
        try:
            return await self._principal(_bearer(authorization))
        except (Unauthenticated, Forbidden) as refused:
            self._refused.labels(refused.code).inc()
            raise
        except IssuerUnavailable:
            self._refused.labels("issuer_unavailable").inc()
            raise

    async def _principal(self, token: str) -> Principal:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and await self._holds_still(known):
            return known.principal
        issuer = self._issuer(token)
        key, claims = await self._claims(token, issuer)
        entry = _entry(claims, self._issuers[issuer])
        hashed = subject_hash(issuer, read_subject(claims))
        principal = read_principal(claims, entry, subject_hash=hashed, expires=read_expiry(claims))
        self._remember(digest, _Verified(principal, issuer, key))
        return principal

    async def _holds_still(self, known: _Verified) -> bool:
        if known.principal.expires <= self._clock.now().timestamp():
            return False
        return await self._published(known.issuer, known.key.kid, known.key.algorithm) == known.key

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        if len(self._verified) >= _VERIFIED_TOKENS:
            del self._verified[next(iter(self._verified))]  # the one that was verified first
        self._verified[digest] = verified

    def _issuer(self, token: str) -> str:
        try:
            named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise Unauthenticated(
                "token_malformed", "the bearer token is not a JWT: get a new one from your institution's sign-in"
            ) from None
        if not isinstance(named, str) or named not in self._issuers:
            self._log_near_miss(named)
            raise Unauthenticated(
                "issuer_unknown",
                "the issuer of this token is not registered with this network: ask the operator to register it",
            )
        return named

    def _log_near_miss(self, named: object) -> None:
        meant = next((known for known in self._issuers if isinstance(named, str) and near(named) == near(known)), None)
        if meant is not None:
            _log.warning(
                "tokens name an issuer that is registered, but for upper case, http, or a slash at the end: register "
                "exactly what is in `iss`",
                issuer=meant,
                found=str(named)[:_ISSUER_SHOWN],
            )

    async def _claims(self, token: str, issuer: str) -> tuple[VerifyingKey, Mapping[str, Any]]:
        key = await self._key(token, issuer)
        audience = frozenset[str]().union(*(entry.audience for entry in self._issuers[issuer]))
        try:
            claims = _verified(token, key, issuer=issuer, audience=audience)
        except _SignatureRefused:
            replacement = await self._keys[issuer].find_replacement(key)
            if replacement is None:
                raise
            key, claims = replacement, _verified(token, replacement, issuer=issuer, audience=audience)
        for name in _DATES:
            if name in claims and not _is_number(claims[name]):
                raise Unauthenticated("claims_malformed", f"the claim `{name}` must be a JSON number")
        return key, claims

    async def _key(self, token: str, issuer: str) -> VerifyingKey:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated(
                "token_malformed", "the bearer token is not a JWT: its header cannot be read"
            ) from None
        if header.get("alg") not in ALGORITHMS:
            raise Unauthenticated("algorithm_refused", f"sign tokens with one of {', '.join(ALGORITHMS)}")
        return await self._published(issuer, header.get("kid"), header["alg"])

    async def _published(self, issuer: str, kid: str | None, algorithm: str) -> VerifyingKey:
        key = await self._keys[issuer].find(kid, algorithm)
        if key is None:
            raise Unauthenticated("key_unknown", "the token is signed with a key that its issuer does not publish")
        return key


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("token_missing", "you are not signed in: send `Authorization: Bearer <token>`")
    if len(token) > _TOKEN_LENGTH:
        raise Unauthenticated(
            "token_malformed", f"the token is too long: it may have at most {_TOKEN_LENGTH} characters"
        )
    return token


def subject_hash(issuer: str, subject: str) -> str:
    """The stored form of `(iss, sub)`: equal for equal sign-ins, and no identifier of an account."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()


def _verified(token: str, key: VerifyingKey, *, issuer: str, audience: frozenset[str]) -> Mapping[str, Any]:
    """Raises `_SignatureRefused`, after which the issuer may have replaced the key, and `Unauthenticated`."""
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            audience=audience,
            issuer=issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"], "verify_sub": False},
        )
    except jwt.InvalidSignatureError:
        raise _SignatureRefused from None
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("token_expired", "the token has expired: get a new one") from None
    except jwt.InvalidAudienceError:
        raise Unauthenticated(
            "audience_wrong", "the token is for another application: its `aud` is not this network's"
        ) from None
    except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError):  # the last for a date of Infinity
        raise Unauthenticated("token_invalid", _INVALID) from None
    return claims


def _entry(claims: Mapping[str, Any], entries: Sequence[Issuer]) -> Issuer:
    """The entry of the client for which the token is: a token for two clients could choose between their rights."""
    audience = {claims["aud"]} if isinstance(claims["aud"], str) else set(claims["aud"])
    named = [entry for entry in entries if entry.audience & audience]
    if len(named) != 1:
        raise Unauthenticated(
            "audience_ambiguous", "the token is for several clients of this network: get one that is for one of them"
        )
    return named[0]


def _is_number(claim: Any) -> bool:
    """Whether a claim is a NumericDate (RFC 7519). PyJWT accepts strings, and a bool is an int in Python."""
    return type(claim) is int or (type(claim) is float and math.isfinite(claim))
