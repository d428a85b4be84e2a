"""Reads what a verified token says of the person: where the registry says, in the forms that issuers use."""

import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.auth.issuers import Issuer
from shared.contracts.payload import Id
from shared.errors import Forbidden
from shared.principal import ROLES, Principal

_SHOWN_VALUES = 10
_SHOWN_VALUE = re.compile(r"[\w./:-]{1,60}")
_ID: TypeAdapter[str] = TypeAdapter(Id)


class Unauthenticated(Exception):
    """`code` says what is wrong with the token. The text quotes nothing of the token."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """The claim with this name, or at this path (`realm_access.roles`); None where there is none.

    Names may contain dots themselves (`https://st-anna.example/roles`): the longest name that exists counts.
    """
    if path in claims:
        return claims[path]
    names = path.split(".")
    for length in range(len(names) - 1, 0, -1):
        within = claims.get(".".join(names[:length]))
        if isinstance(within, Mapping):
            return find_claim(within, ".".join(names[length:]))
    return None


def read_principal(claims: Mapping[str, Any], issuer: Issuer, *, subject_hash: str, expires: float) -> Principal:
    """Raises `Forbidden` for claims that the issuer may not make, and for a token that gives no role."""
    institution = find_claim(claims, issuer.claims.institution)
    if institution is not None and not (_is_id(institution) and issuer.speaks_for(institution)):
        raise Forbidden(
            "institution_refused", "the issuer of this token is not registered for that institution: ask the operator"
        )
    programmes = _words(claims, issuer.claims.programmes)
    return Principal(
        subject_hash=subject_hash,
        institution=institution,
        roles=_roles(claims, issuer, programmes),
        programmes=programmes,
        expires=expires,
    )


def read_subject(claims: Mapping[str, Any]) -> str:
    """Numbers are read as their digits. Refuses an empty `sub`, by which several people would be one, and lone
    surrogates, which cannot be encoded.
    """
    subject = claims["sub"]
    if type(subject) is int:  # a bool is an int in Python
        return _digits(subject)
    try:
        is_text = isinstance(subject, str) and bool(subject.encode().strip())
    except UnicodeEncodeError:
        is_text = False
    if not is_text:
        raise Unauthenticated("claims_malformed", "the claim `sub` must be a text that is not empty, or a whole number")
    return str(subject)


def read_expiry(claims: Mapping[str, Any]) -> float:
    try:
        return float(claims["exp"])
    except OverflowError:  # a JSON integer beyond every float
        return math.inf


def _digits(subject: int) -> str:
    try:
        return str(subject)
    except ValueError:  # more digits than Python converts
        raise Unauthenticated("claims_malformed", "the claim `sub` is too long") from None


def _roles(claims: Mapping[str, Any], issuer: Issuer, programmes: frozenset[str] | None) -> frozenset[str]:
    found = _words(claims, issuer.claims.roles) or frozenset()
    named = {role: role for role in ROLES} if issuer.roles is None else issuer.roles
    roles = frozenset(named[value] for value in found & named.keys())
    if not roles:
        raise Forbidden("role_unknown", _without_role(claims, issuer, named))
    if "operator" in roles and not (issuer.may_name_operators or issuer.development):
        raise Forbidden("operator_refused", "the issuer of this token is not registered for operators")
    is_whole = issuer.coordinators_without_programmes_coordinate_the_institution and not programmes
    return roles | frozenset({"institution_coordinator"} if is_whole and "coordinator" in roles else ())


def _without_role(claims: Mapping[str, Any], issuer: Issuer, named: Mapping[str, str]) -> str:
    path, expected = issuer.claims.roles, ", ".join(sorted(named))
    return (
        f"your token gives you no role: its claim `{path}` {_found(find_claim(claims, path))}, "
        f"and one of these is expected: {expected}; ask who runs your institution's sign-in"
    )


def _found(claim: Any) -> str:
    """What a claim without a known role holds. The words of a list are shown where they look like roles; a text is not
    shown, because a claim named by mistake may hold a person's name.
    """
    if claim is None:
        return "is missing"
    if not claim:
        return "is empty"
    if isinstance(claim, str):
        return "is a text without a known role"
    shown = [value for value in claim if _SHOWN_VALUE.fullmatch(value)][:_SHOWN_VALUES]
    more = len(claim) - len(shown)
    return " ".join(
        ["lists", ", ".join(shown), f"and {more} more" if shown and more else f"{more}" if more else ""]
    ).rstrip()


def _is_id(claim: Any) -> bool:
    try:
        _ID.validate_python(claim, strict=True)
    except ValidationError:  # what is not an id
        return False
    return True


def _words(claims: Mapping[str, Any], path: str) -> frozenset[str] | None:
    """A claim that lists words, as a JSON array, or as a text with spaces (like `scope`) or commas between them; None
    without the claim.

    Any other type is refused: read as None it would lift the limits of a role.
    """
    claim = find_claim(claims, path)
    if claim is None:
        return None
    words = [word for word in re.split(r"[\s,]+", claim) if word] if isinstance(claim, str) else claim
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Unauthenticated("claims_malformed", f"the claim `{path}` must be a list of texts")
    return frozenset(words)
