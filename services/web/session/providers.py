"""Signs people in at OpenID providers: authorization code flow with PKCE (RFC 7636, OpenID Connect Core 1.0), renewal
of tokens, and sign-out at the provider (OpenID Connect RP-Initiated Logout 1.0).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from fastapi import Request, Response
from joserfc.errors import JoseError

from services.web.session.domain import Tokens
from services.web.settings import Provider
from shared.clock import Clock
from shared.telemetry import logger

_SECONDS = 10
_LIFETIME_SECONDS = 300
"""Assumed of an access token whose provider does not say when it expires."""
_log = logger(__name__)
# Its debug lines contain code verifiers.
logging.getLogger("authlib").setLevel(logging.INFO)


class SignInFailed(Exception):
    """The provider's answer cannot be accepted: no sign-in of this browser, refused, replayed or forged."""


class ProviderUnavailable(Exception):
    """The provider does not answer."""


@dataclass(frozen=True, slots=True)
class Choice:
    id: str
    label: str


class Providers:
    def __init__(self, providers: Sequence[Provider], clock: Clock, *, public_address: str) -> None:
        self._clock = clock
        self._address = public_address
        self.choices = tuple(Choice(provider.id, provider.label) for provider in providers)
        oauth = OAuth()
        self._clients = {provider.id: _registered(oauth, provider) for provider in providers}

    def knows(self, id: str) -> bool:
        return id in self._clients

    async def begin(self, request: Request, id: str) -> Response:
        """Redirects to the provider, and leaves the flow's state in `request.session`."""
        try:
            redirect: Response = await self._clients[id].authorize_redirect(request, self._callback(id))
        except (httpx2.HTTPError, ValueError) as fault:
            raise _unavailable(id, fault) from fault
        return redirect

    async def finish(self, request: Request, id: str) -> Tokens:
        """Exchanges the code and verifies the ID token. Raises `SignInFailed`, `ProviderUnavailable`."""
        try:
            token = await self._clients[id].authorize_access_token(request)
            if "userinfo" not in token:
                raise SignInFailed("the provider sent no ID token: its client needs the scope openid")
            return self._tokens(id, token)
        except (httpx2.TransportError, httpx2.HTTPStatusError) as fault:
            raise _unavailable(id, fault) from fault
        except (AuthlibBaseError, JoseError, KeyError, ValueError) as refused:
            _log.info("sign-in refused", provider=id, fault=type(refused).__name__)
            raise SignInFailed(type(refused).__name__) from refused

    async def renew(self, tokens: Tokens) -> Tokens:
        """Raises `SignInFailed` where the provider refuses: the person has to sign in again."""
        client = self._clients.get(tokens.provider)
        if client is None or tokens.refresh is None:
            raise SignInFailed("unknown provider, or no refresh token")
        try:
            token = await client.fetch_access_token(grant_type="refresh_token", refresh_token=tokens.refresh)
            return self._tokens(tokens.provider, {"refresh_token": tokens.refresh, "id_token": tokens.id, **token})
        except (httpx2.TransportError, httpx2.HTTPStatusError) as fault:
            raise _unavailable(tokens.provider, fault) from fault
        except (AuthlibBaseError, KeyError, ValueError) as refused:
            raise SignInFailed(type(refused).__name__) from refused

    async def sign_out_address(self, tokens: Tokens) -> str | None:
        """None where the provider offers no sign-out, or does not answer."""
        client = self._clients.get(tokens.provider)
        if client is None:
            return None
        try:
            answer = await client.create_logout_url(
                post_logout_redirect_uri=f"{self._address}/signed-out",
                id_token_hint=tokens.id,
                client_id=client.client_id,
            )
        except (httpx2.HTTPError, RuntimeError, ValueError):  # signed out here at least: the provider is not asked
            return None
        return str(answer["url"])

    def _callback(self, provider: str) -> str:
        """One for each provider, so that the answer of one cannot be taken for that of another."""
        return f"{self._address}/sign-in/{provider}/callback"

    def _tokens(self, provider: str, token: Mapping[str, Any]) -> Tokens:
        now = self._clock.now().timestamp()
        return Tokens(
            provider=provider,
            access=str(token["access_token"]),
            expires_at=now + float(token.get("expires_in") or _LIFETIME_SECONDS),
            refresh=token.get("refresh_token"),
            id=token.get("id_token"),
        )


def _registered(oauth: OAuth, provider: Provider) -> StarletteOAuth2App:
    secret = provider.client_secret
    return oauth.register(
        name=provider.id,
        server_metadata_url=provider.discovery,
        client_id=provider.client_id,
        client_secret=secret,
        client_kwargs={
            "scope": provider.scope,
            "code_challenge_method": "S256",
            "timeout": _SECONDS,
            **({} if secret else {"token_endpoint_auth_method": "none"}),
        },
    )


def _unavailable(id: str, fault: Exception) -> ProviderUnavailable:
    _log.warning("a provider does not answer", provider=id, fault=type(fault).__name__)
    return ProviderUnavailable(id)
