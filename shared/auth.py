"""Who asks: bearer tokens of registered OIDC issuers, each of which may speak for its own institutions only.

Sources: RFC 6750 (bearer), RFC 7519 (JWT), RFC 7517 (JWKS), RFC 8725 (algorithms are ours to choose, not the token's).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote, urlsplit

import httpx
import jwt
from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.clock import Clock
from shared.errors import Forbidden

Role = Literal["member", "coordinator", "integrator", "operator"]
ROLES: frozenset[str] = frozenset(get_args(Role))
_ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
_LEEWAY_SECONDS = 30
_KEYS_FRESH_SECONDS = 300
_KEYS_RETRY_SECONDS = 10


class Unauthenticated(Exception):
    """`code` says what is wrong with the token; nothing of the token is repeated."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ClaimNames(BaseModel):
    model_config = ConfigDict(frozen=True)

    institution: str = "institution"
    roles: str = "roles"
    programmes: str = "programmes"


class Issuer(BaseModel):
    """One line of the registry. `institutions: ["*"]` is for a network's own issuer: operators, and development."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    audience: str
    jwks_uri: str
    institutions: frozenset[str]
    claims: ClaimNames = ClaimNames()
    may_name_operators: bool = False
    development: bool = False

    @property
    def is_local(self) -> bool:
        return self.development or urlsplit(self.jwks_uri).scheme != "https"

    def speaks_for(self, institution: str) -> bool:
        return "*" in self.institutions or institution in self.institutions


def load_issuers(path: Path) -> tuple[Issuer, ...]:
    return tuple(TypeAdapter(list[Issuer]).validate_json(path.read_bytes()))


def subject_hash(issuer: str, subject: str) -> str:
    """What we keep of `(iss, sub)`: equal for equal sign-ins, and no identifier of anybody's account."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks, for which institution, as what. An operator may ask for none."""

    subject_hash: str
    institution: str | None
    roles: frozenset[str]
    programmes: frozenset[str] = frozenset()
    """Programmes that a coordinator is limited to; empty: the whole institution."""

    def require(self, *roles: Role) -> None:
        if not self.roles & set(roles):
            raise Forbidden("role_required", f"this needs the role {' or '.join(roles)}")

    @property
    def home(self) -> str:
        """The institution spoken for; every query is limited to it."""
        if self.institution is None:
            raise Forbidden("institution_required", "the token names no institution: ask with one that does")
        return self.institution

    def coordinates(self, programme: str) -> bool:
        return "coordinator" in self.roles and (not self.programmes or programme in self.programmes)


class Authenticator:
    """Verifies tokens. Keys are cached, and fetched again (at most every ten seconds) for a key id not seen before."""

    def __init__(self, issuers: Sequence[Issuer], clock: Clock) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._clock = clock
        self._keys: dict[str, tuple[float, jwt.PyJWKSet]] = {}

    async def principal(self, authorization: str | None) -> Principal:
        """Raises `Unauthenticated`, or `Forbidden` for an institution that the issuer may not speak for."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("token_missing", "send `Authorization: Bearer <token>`")
        issuer = self._issuer(token)
        claims = await self._claims(token, issuer)
        return _principal(claims, issuer)

    def _issuer(self, token: str) -> Issuer:
        try:
            named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated("token_malformed", "the bearer token is no JWT") from None
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise Unauthenticated("issuer_unknown", "the token's issuer is not registered with this network")
        return issuer

    async def _claims(self, token: str, issuer: Issuer) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in _ALGORITHMS:
            raise Unauthenticated("algorithm_refused", f"sign tokens with one of {', '.join(_ALGORITHMS)}")
        key = await self._key(issuer, header.get("kid"))
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("token_expired", "the token has expired: get a new one") from None
        except jwt.InvalidAudienceError:
            raise Unauthenticated("audience_wrong", "the token is meant for somebody else") from None
        except (jwt.InvalidTokenError, TypeError, ValueError):
            raise Unauthenticated("token_invalid", "the token's signature or claims do not hold") from None
        return claims

    async def _key(self, issuer: Issuer, kid: str | None) -> jwt.PyJWK:
        fetched, keys = self._keys.get(issuer.issuer, (float("-inf"), None))
        age = self._clock.monotonic() - fetched
        found = _find(keys, kid)
        if age > _KEYS_FRESH_SECONDS or (found is None and age > _KEYS_RETRY_SECONDS):
            found = _find(await self._fetch(issuer), kid)
        if found is None:
            raise Unauthenticated("key_unknown", "the token is signed with a key that its issuer does not publish")
        return found

    async def _fetch(self, issuer: Issuer) -> jwt.PyJWKSet:
        keys = jwt.PyJWKSet.from_dict(await _read_json(issuer.jwks_uri))
        self._keys[issuer.issuer] = (self._clock.monotonic(), keys)
        return keys


def _find(keys: jwt.PyJWKSet | None, kid: str | None) -> jwt.PyJWK | None:
    return next((key for key in keys.keys if key.key_id == kid), None) if keys else None


async def _read_json(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return dict(json.loads(Path(unquote(parts.path)).read_bytes()))  # noqa: ASYNC240 -- development only, a few bytes
    async with httpx.AsyncClient(timeout=5) as client:
        return dict((await client.get(uri)).raise_for_status().json())


def _principal(claims: Mapping[str, Any], issuer: Issuer) -> Principal:
    institution = claims.get(issuer.claims.institution)
    if institution is not None and not (isinstance(institution, str) and issuer.speaks_for(institution)):
        raise Forbidden("institution_refused", "this issuer may not speak for that institution")
    roles = _words(claims.get(issuer.claims.roles)) & ROLES
    if "operator" in roles and not (issuer.may_name_operators or issuer.development):
        raise Forbidden("operator_refused", "this issuer may not name operators")
    return Principal(
        subject_hash=subject_hash(issuer.issuer, str(claims["sub"])),
        institution=institution,
        roles=roles,
        programmes=_words(claims.get(issuer.claims.programmes)),
    )


def _words(claim: Any) -> frozenset[str]:
    """A claim that lists words, as a JSON array or (like `scope`) separated by spaces."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    return (
        frozenset(word for word in claim or () if isinstance(word, str))
        if isinstance(claim, list | None)
        else frozenset()
    )
