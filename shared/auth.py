"""Who asks: bearer tokens of registered OIDC issuers, each of which may speak for its own institutions only.

Sources: RFC 6750 (bearer), RFC 7519 (JWT), RFC 7517 (JWKS), RFC 8725 (algorithms are ours to choose, not the token's).
"""

import asyncio
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote, urlsplit

import httpx
import jwt
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared.clock import Clock
from shared.contracts.payload import Id
from shared.errors import Forbidden
from shared.scope import Scope
from shared.telemetry import logger

Role = Literal["member", "coordinator", "institution_coordinator", "integrator", "operator"]
ROLES: frozenset[str] = frozenset(get_args(Role))
_ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
_LEEWAY_SECONDS = 30
_DATES = ("exp", "nbf", "iat")
_KEYS_FRESH_SECONDS = 300
_KEYS_RETRY_SECONDS = 10
_KEYS_LAST_SECONDS = 3600
"""So long are keys used whose issuer does not answer."""
_TOKEN_LENGTH = 8192
_ID: TypeAdapter[str] = TypeAdapter(Id)
_NO_KEYS = (
    httpx.HTTPError,
    OSError,
    jwt.PyJWTError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)
"""Whatever an issuer answers instead of keys."""
_log = logger(__name__)


class Unauthenticated(Exception):
    """`code` says what is wrong with the token; nothing of the token is repeated."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class IssuerUnavailable(Exception):
    """The issuer's keys cannot be had at the moment: nothing is said about the token."""


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
    coordinators_without_programmes_coordinate_the_institution: bool = False
    """For issuers that cannot send `institution_coordinator` yet: `coordinator` without programmes reads as it."""
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
    programmes: frozenset[str] | None = None
    """Named by the token; None: it has no such claim. To be read through `scope` and the questions below."""
    expires: float = field(default=inf, compare=False)
    """When the token ends, in seconds since 1970: an answer that goes on for long must not outlive it."""

    def require(self, *roles: Role) -> None:
        """`coordinator` stands for both kinds; one whose token names no programme is none."""
        if not (self.roles - {"coordinator"}) & set(roles) and not ("coordinator" in roles and self.is_coordinator):
            raise Forbidden("role_required", f"this needs the role {' or '.join(map(_described, roles))}")

    @property
    def home(self) -> str:
        """The institution spoken for; every query is limited to it."""
        if self.institution is None:
            raise Forbidden("institution_required", "your token names no institution: sign in with one that does")
        return self.institution

    @property
    def scope(self) -> Scope:
        """What a coordinator or an integrator acts for. An integrator's token may name programmes as well;
        without that claim it is for the whole institution.
        """
        is_integrator = "integrator" in self.roles and "coordinator" not in self.roles
        is_whole = self.coordinates_institution or (is_integrator and self.programmes is None)
        is_limited = is_integrator or "coordinator" in self.roles
        named = self.programmes if is_limited and not is_whole else None
        return Scope(institution=self.home, is_whole=is_whole, programmes=named or frozenset())

    @property
    def coordinates_institution(self) -> bool:
        return "institution_coordinator" in self.roles

    @property
    def is_coordinator(self) -> bool:
        """Of the institution, or of at least one programme."""
        return self.coordinates_institution or ("coordinator" in self.roles and bool(self.programmes))

    def coordinates(self, programme: str) -> bool:
        return self.is_coordinator and self.scope.covers(programme)


def _described(role: Role) -> str:
    if role == "coordinator":
        return "institution_coordinator, or coordinator with the programmes in its claim,"
    return role


@dataclass(slots=True)
class _Keys:
    """One issuer's, as last fetched, and when they were last asked for."""

    known: Sequence[jwt.PyJWK] = ()
    fetched: float = float("-inf")
    asked: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def find(self, kid: str | None) -> jwt.PyJWK | None:
        return next((key for key in self.known if key.key_id == kid), None)


class Authenticator:
    """Verifies tokens. Keys are cached, and fetched again (at most every ten seconds) for a key id not seen before."""

    def __init__(self, issuers: Sequence[Issuer], clock: Clock) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._clock = clock
        self._keys = {issuer.issuer: _Keys() for issuer in issuers}
        for issuer in issuers:
            if issuer.coordinators_without_programmes_coordinate_the_institution:
                _log.warning(
                    "tokens with the role coordinator and no programmes give access to their whole institution: have "
                    "the issuer send the role institution_coordinator, then remove this setting",
                    issuer=issuer.issuer,
                    setting="coordinators_without_programmes_coordinate_the_institution",
                )

    async def principal(self, authorization: str | None) -> Principal:
        """Raises `Unauthenticated`, `IssuerUnavailable`, or `Forbidden` for what the issuer may not say."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("token_missing", "you are not signed in: send `Authorization: Bearer <token>`")
        if len(token) > _TOKEN_LENGTH:
            raise Unauthenticated(
                "token_malformed", f"the token is too long: it may have at most {_TOKEN_LENGTH} characters"
            )
        issuer = self._issuer(token)
        claims = await self._claims(token, issuer)
        return _principal(claims, issuer)

    def _issuer(self, token: str) -> Issuer:
        try:
            named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise Unauthenticated(
                "token_malformed", "the bearer token is not a JWT: get a new one from your institution's sign-in"
            ) from None
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise Unauthenticated(
                "issuer_unknown",
                "the issuer of this token is not registered with this network: ask the operator to register it",
            )
        return issuer

    async def _claims(self, token: str, issuer: Issuer) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated(
                "token_malformed", "the bearer token is not a JWT: its header cannot be read"
            ) from None
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
            raise Unauthenticated(
                "audience_wrong", "the token is for another application: its `aud` is not this network's"
            ) from None
        except (jwt.InvalidTokenError, TypeError, ValueError):
            raise Unauthenticated(
                "token_invalid", "the token is not valid: its signature or a claim is wrong; get a new one"
            ) from None
        for name in _DATES:
            if name in claims and not _is_number(claims[name]):
                raise Unauthenticated("claims_malformed", f"the claim `{name}` must be a JSON number")
        return claims

    async def _key(self, issuer: Issuer, kid: str | None) -> jwt.PyJWK:
        keys = self._keys[issuer.issuer]
        if not (keys.lock.locked() and self._holds(keys, kid)):  # whoever has a key need not wait for a fetch
            async with keys.lock:
                await self._refresh(issuer, keys, kid)
        found = keys.find(kid)
        if found is not None and self._holds(keys, kid):
            return found
        if keys.fetched < keys.asked:
            raise IssuerUnavailable
        raise Unauthenticated("key_unknown", "the token is signed with a key that its issuer does not publish")

    def _holds(self, keys: _Keys, kid: str | None) -> bool:
        return keys.find(kid) is not None and self._clock.monotonic() - keys.fetched <= _KEYS_LAST_SECONDS

    async def _refresh(self, issuer: Issuer, keys: _Keys, kid: str | None) -> None:
        """An issuer that does not answer is asked no more often than one that does."""
        now = self._clock.monotonic()
        is_wanted = now - keys.fetched > _KEYS_FRESH_SECONDS or keys.find(kid) is None
        if not is_wanted or now - keys.asked <= _KEYS_RETRY_SECONDS:
            return
        keys.asked = now
        try:
            published = await _read_json(issuer.jwks_uri)
            verifying = [key for key in published["keys"] if _may_verify(key)]
            known = jwt.PyJWKSet.from_dict({"keys": verifying}).keys if verifying else []
        except _NO_KEYS as wrong:
            _log.warning("no keys from an issuer", issuer=issuer.issuer, fault=type(wrong).__name__)
            return
        # A symmetric key would let whoever reads the published keys sign.
        keys.known = [key for key in known if key.algorithm_name in _ALGORITHMS]
        keys.fetched = now


async def _read_json(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return dict(json.loads(Path(unquote(parts.path)).read_bytes()))  # noqa: ASYNC240 -- development only, a few bytes
    async with asyncio.timeout(5), httpx.AsyncClient(timeout=5) as client:
        return dict((await client.get(uri)).raise_for_status().json())


def _principal(claims: Mapping[str, Any], issuer: Issuer) -> Principal:
    institution = claims.get(issuer.claims.institution)
    if institution is not None and not (_is_id(institution) and issuer.speaks_for(institution)):
        raise Forbidden(
            "institution_refused", "the issuer of this token is not registered for that institution: ask the operator"
        )
    roles = (_words(claims, issuer.claims.roles) or frozenset()) & ROLES
    programmes = _words(claims, issuer.claims.programmes)
    if "operator" in roles and not (issuer.may_name_operators or issuer.development):
        raise Forbidden("operator_refused", "the issuer of this token is not registered for operators")
    return Principal(
        subject_hash=subject_hash(issuer.issuer, _subject(claims)),
        institution=institution,
        roles=roles | _further_role(roles, programmes, issuer),
        programmes=programmes,
        expires=_expires(claims),
    )


def _further_role(roles: frozenset[str], programmes: frozenset[str] | None, issuer: Issuer) -> frozenset[str]:
    is_whole = issuer.coordinators_without_programmes_coordinate_the_institution and not programmes
    return frozenset({"institution_coordinator"} if is_whole and "coordinator" in roles else ())


def _expires(claims: Mapping[str, Any]) -> float:
    try:
        return float(claims["exp"])
    except OverflowError:
        return inf


def _may_verify(key: Mapping[str, Any]) -> bool:
    """RFC 7517, 4.2 and 4.3: a key that its issuer publishes for anything else than signatures verifies none."""
    operations = key.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    return bool(key.get("use", "sig") == "sig")


def _is_number(claim: Any) -> bool:
    """RFC 7519's NumericDate. PyJWT takes texts, and a bool is an int to Python."""
    return type(claim) is int or (type(claim) is float and math.isfinite(claim))


def _is_id(claim: Any) -> bool:
    try:
        _ID.validate_python(claim, strict=True)
    except ValidationError:
        return False
    return True


def _subject(claims: Mapping[str, Any]) -> str:
    """Not empty: everybody without a name would be one person. And a text, which half a surrogate pair is not."""
    subject = claims["sub"]
    try:
        is_text = isinstance(subject, str) and bool(subject.encode().strip())
    except UnicodeEncodeError:
        is_text = False
    if not is_text:
        raise Unauthenticated("claims_malformed", "the claim `sub` must not be empty")
    return str(subject)


def _words(claims: Mapping[str, Any], name: str) -> frozenset[str] | None:
    """A claim that lists words, as a JSON array or (like `scope`) separated by spaces. None: the claim is missing.

    Any other type is refused, so that no limit is lost.
    """
    claim = claims.get(name)
    if claim is None:
        return None
    words = claim.split() if isinstance(claim, str) else claim
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Unauthenticated("claims_malformed", f"the claim `{name}` must be a list of texts")
    return frozenset(words)
