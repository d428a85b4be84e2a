"""What a session holds, and where a person may be sent after sign-in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

HOME = "/"
REFRESHED_BEFORE_SECONDS = 30
"""An access token is renewed this long before it expires, so that it outlives the request that carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    provider: str
    access: str
    expires_at: float
    """Seconds since 1970."""
    refresh: str | None = None
    id: str | None = None
    """The ID token: names the session to the provider at sign-out."""

    def are_due(self, now: float) -> bool:
        return self.expires_at - now < REFRESHED_BEFORE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How the pages address the person: what profiles last said of them."""

    member: str
    name: str
    locale: str
    time_zone: str
    is_mentee: bool
    is_mentor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A form that was sent after the session had ended: shown again after sign-in, and sent only by the person."""

    path: str
    owner: str
    """The subject hash of the person to whom the form was shown: nobody else is shown the draft."""
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    csrf: str
    flow: Mapping[str, Any] = field(default_factory=dict)
    """The state of a sign-in that has begun, as Authlib keeps it: nonce, code verifier, redirect URI."""
    tokens: Tokens | None = None
    reader: Reader | None = None
    draft: Draft | None = None


def local_target(target: str | None) -> str:
    """The path if it is one of this application, else the home page. Browsers take two slashes, a backslash and control
    characters for the beginning of another address.
    """
    if not target or not target.startswith("/") or target[1:2] in {"/", "\\"}:
        return HOME
    if not target.isprintable() or "\\" in target:
        return HOME
    try:
        parts = urlsplit(target)
    except ValueError:
        return HOME
    return HOME if parts.scheme or parts.netloc or parts.path.startswith("/sign-") else target
