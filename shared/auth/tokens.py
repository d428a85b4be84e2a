"""Verifies bearer tokens of registered issuers, each of which may name members of its own institutions only.

Sources: RFC 6750 (bearer), RFC 7519 (JWT), RFC 8725 (we choose the algorithms, not the token).
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import jwt
from pydantic import TypeAdapter, ValidationError

from shared.auth.issuers import Issuer
from shared.auth.keys import ALGORITHMS, IssuerKeys
from shared.clock import Clock
from shared.contracts.payload import Id
from shared.errors import Forbidden
from shared.principal import ROLES, Principal
from shared.telemetry import logger

_LEEWAY_SECONDS = 30
_DATES = ("exp", "nbf", "iat")
_TOKEN_LENGTH = 8192
_ID: TypeAdapter[str] = TypeAdapter(Id)
_log = logger(__name__)


class Unauthenticated(Exception):
    """`code` says what is wrong with the token. The text quotes nothing of the token."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Authenticator:
    def __init__(self, issuers: Sequence[Issuer], clock: Clock) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._keys = {issuer.issuer: IssuerKeys(issuer, clock) for issuer in issuers}
        for issuer in issuers:
            if issuer.coordinators_without_programmes_coordinate_the_institution:
                _log.warning(
                    "tokens with the role coordinator and no programmes give access to their whole institution: have "
                    "the issuer send the role institution_coordinator, then remove this setting",
                    issuer=issuer.issuer,
                    setting="coordinators_without_programmes_coordinate_the_institution",
                )

    async def principal(self, authorization: str | None) -> Principal:
        """Raises `Unauthenticated`, `IssuerUnavailable`, or `Forbidden` for claims that the issuer may not make."""
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
        if header.get("alg") not in ALGORITHMS:
            raise Unauthenticated("algorithm_refused", f"sign tokens with one of {', '.join(ALGORITHMS)}")
        key = await self._key(issuer, header.get("kid"))
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
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
        key = await self._keys[issuer.issuer].find(kid)
        if key is None:
            raise Unauthenticated("key_unknown", "the token is signed with a key that its issuer does not publish")
        return key


def subject_hash(issuer: str, subject: str) -> str:
    """The stored form of `(iss, sub)`: equal for equal sign-ins, and no identifier of an account."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()


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
    except OverflowError:  # a JSON integer beyond every float
        return inf


def _is_number(claim: Any) -> bool:
    """Whether a claim is a NumericDate (RFC 7519). PyJWT accepts strings, and a bool is an int in Python."""
    return type(claim) is int or (type(claim) is float and math.isfinite(claim))


def _is_id(claim: Any) -> bool:
    try:
        _ID.validate_python(claim, strict=True)
    except ValidationError:  # what is not an id
        return False
    return True


def _subject(claims: Mapping[str, Any]) -> str:
    """Refuses an empty `sub`, by which several people would be one, and lone surrogates, which cannot be encoded."""
    subject = claims["sub"]
    try:
        is_text = isinstance(subject, str) and bool(subject.encode().strip())
    except UnicodeEncodeError:
        is_text = False
    if not is_text:
        raise Unauthenticated("claims_malformed", "the claim `sub` must not be empty")
    return str(subject)


def _words(claims: Mapping[str, Any], name: str) -> frozenset[str] | None:
    """A claim that lists words, as a JSON array or (like `scope`) separated by spaces; None without the claim.

    Any other type is refused: read as None it would lift the limits of a role.
    """
    claim = claims.get(name)
    if claim is None:
        return None
    words = claim.split() if isinstance(claim, str) else claim
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Unauthenticated("claims_malformed", f"the claim `{name}` must be a list of texts")
    return frozenset(words)
