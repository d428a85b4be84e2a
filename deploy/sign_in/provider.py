"""The provider's rules: a code is used once, for the client, redirect URI and code verifier that it was issued for."""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.issuer import ALGORITHM, ISSUER, LocalIssuer

CLIENT = "preceptor-web"
_CODE_SECONDS = 60


def describe(address: str) -> dict[str, str]:
    """The entry in the web application's file of providers; `address`: where that application reaches this one."""
    return {
        "id": "development",
        "label": "Development",
        "discovery": f"{address}/.well-known/openid-configuration",
        "client_id": CLIENT,
    }


class Rejected(Exception):
    """With the error code of RFC 6749."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a browser signs in as."""

    subject: str
    institution: str | None
    roles: tuple[str, ...]
    programmes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    person: Person
    redirect_uri: str
    challenge: str
    nonce: str | None
    until: float


@dataclass(slots=True)
class Provider:
    issuer: LocalIssuer
    public: str
    web: str
    access_seconds: int = 300
    _codes: dict[str, Grant] = field(default_factory=dict)
    _refresh_tokens: dict[str, Person] = field(default_factory=dict)

    def metadata(self, reached_at: str) -> Mapping[str, Any]:
        """`reached_at`: where the web application reaches this provider; browsers may need another address."""
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{self.public}/authorize",
            "end_session_endpoint": f"{self.public}/end-session",
            "token_endpoint": f"{reached_at}/token",
            "jwks_uri": f"{reached_at}/jwks.json",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["none"],
        }

    def check_authorization(self, parameters: Mapping[str, str]) -> None:
        """Raises `Rejected` for an authorization request that must not be answered by a redirect."""
        if parameters.get("client_id") != CLIENT:
            raise Rejected("unauthorized_client")
        if not parameters.get("redirect_uri", "").startswith(f"{self.web}/sign-in/"):
            raise Rejected("invalid_request: this redirect_uri is not registered")
        if parameters.get("response_type") != "code" or "openid" not in parameters.get("scope", "").split():
            raise Rejected("invalid_request: response_type=code and scope=openid are required")
        if parameters.get("code_challenge_method") != "S256" or not parameters.get("code_challenge"):
            raise Rejected("invalid_request: PKCE with S256 is required")

    def code(self, parameters: Mapping[str, str], person: Person) -> str:
        self.check_authorization(parameters)
        code = secrets.token_urlsafe(24)
        self._codes[code] = Grant(
            person=person,
            redirect_uri=parameters["redirect_uri"],
            challenge=parameters["code_challenge"],
            nonce=parameters.get("nonce"),
            until=time.monotonic() + _CODE_SECONDS,
        )
        return code

    def tokens(self, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        """Answers the token endpoint. Raises `Rejected`."""
        if parameters.get("client_id") != CLIENT:
            raise Rejected("invalid_client")
        if parameters.get("grant_type") == "refresh_token":
            person = self._refresh_tokens.pop(parameters.get("refresh_token", ""), None)
            if person is None:
                raise Rejected("invalid_grant")
            return self._issue(person, nonce=None)
        if parameters.get("grant_type") != "authorization_code":
            raise Rejected("unsupported_grant_type")
        grant = self._codes.pop(parameters.get("code", ""), None)
        if grant is None or grant.until < time.monotonic() or parameters.get("redirect_uri") != grant.redirect_uri:
            raise Rejected("invalid_grant")
        if _challenge(parameters.get("code_verifier", "")) != grant.challenge:
            raise Rejected("invalid_grant")
        return self._issue(grant.person, nonce=grant.nonce)

    def may_return_to(self, address: str) -> bool:
        return address.startswith(f"{self.web}/")

    def _issue(self, person: Person, *, nonce: str | None) -> Mapping[str, Any]:
        refresh = secrets.token_urlsafe(24)
        self._refresh_tokens[refresh] = person
        access = self.issuer.token(
            person.subject,
            institution=person.institution,
            roles=person.roles,
            programmes=person.programmes,
            lifetime_seconds=self.access_seconds,
        )
        id_claims = {"aud": CLIENT, "nonce": nonce, "auth_time": int(time.time())}
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.access_seconds,
            "refresh_token": refresh,
            "id_token": self.issuer.token(person.subject, institution=None, roles=[], claims=id_claims),
        }


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
