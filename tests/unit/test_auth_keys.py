"""Keys of issuers: found by discovery, replaced, bound to algorithms, and asked for no more often than needed."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.auth import Authenticator, Issuer, IssuerUnavailable, Unauthenticated
from shared.auth.keys import KeysElsewhere, keys_address
from shared.clock import SystemClock
from shared.telemetry import Metrics

CLAIMS = {"aud": "preceptor", "sub": "ada", "exp": 4_000_000_000, "institution": "a", "roles": ["member"]}
METADATA = "/.well-known/openid-configuration"


class Clock(SystemClock):
    at = 1000.0

    def monotonic(self) -> float:
        return self.at


class Provider:
    """An issuer on this machine; `answers` holds what each path says, and `asked` the paths that were asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.issuer = self.address
        self.clock = Clock()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                status, headers, body = provider.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...

        return Handler

    def says(self, path: str, content: Any, *, status: int = 200, **headers: str) -> None:
        self.answers[path] = (status, headers, json.dumps(content).encode())

    def describes(self, **changed: Any) -> None:
        self.says(METADATA, {"issuer": self.issuer, "jwks_uri": f"{self.address}/keys", **changed})

    def publishes(self, *keys: dict[str, Any]) -> None:
        self.says("/keys", {"keys": keys})

    def authenticator(self, **changed: Any) -> Authenticator:
        entry = {"issuer": self.issuer, "audience": "preceptor", "institutions": ["a"], **changed}
        return Authenticator([Issuer(**entry)], self.clock, Metrics())

    def token(self, key: Any, *, alg: str = "ES256", kid: str = "one", **claims: Any) -> str:
        return jwt.encode({"iss": self.issuer, **CLAIMS, **claims}, key, algorithm=alg, headers={"kid": kid})

    async def sign_in(self, authenticator: Authenticator, key: Any, *, alg: str = "ES256", kid: str = "one") -> str:
        """`in`, or the refusal."""
        try:
            await authenticator.principal(f"Bearer {self.token(key, alg=alg, kid=kid)}")
        except Unauthenticated as refused:
            return refused.code
        except IssuerUnavailable as unavailable:
            return f"again in {unavailable.retry_after_seconds}"
        return "in"


@pytest.fixture
def provider() -> Iterator[Provider]:
    started = Provider()
    thread = threading.Thread(target=started.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield started
    started.server.shutdown()
    started.server.server_close()
    thread.join()


def elliptic() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def published(key: Any, kid: str = "one", **more: Any) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


async def test_the_keys_of_an_issuer_are_found_by_its_metadata(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    assert await provider.sign_in(provider.authenticator(), key) == "in"
    assert provider.asked == [METADATA, "/keys"]


async def test_an_issuer_with_a_slash_at_its_end_has_its_metadata_below_it(provider: Provider) -> None:
    key = elliptic()
    provider.issuer = f"{provider.address}/"
    provider.describes()
    provider.publishes(published(key))
    assert await provider.sign_in(provider.authenticator(), key) == "in"


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://another.example"},
        {"issuer": None},
        {"jwks_uri": "file:///etc/hostname"},
        {"jwks_uri": "ftp://127.0.0.1/keys"},
        {"jwks_uri": "/keys"},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": ["https://a.example"]},
    ],
    ids=str,
)
async def test_metadata_of_another_issuer_or_with_another_address_is_an_outage(
    provider: Provider, changed: dict[str, Any]
) -> None:
    provider.describes(**changed)
    provider.publishes(published(elliptic()))
    assert await provider.sign_in(provider.authenticator(), elliptic()) == "again in 11"
    assert provider.asked == [METADATA]


def test_keys_over_http_are_refused_for_an_issuer_over_https() -> None:
    with pytest.raises(ValueError, match="https"):
        keys_address("https://a.example", {"issuer": "https://a.example", "jwks_uri": "http://10.0.0.1/keys"})


@pytest.mark.parametrize(
    "address",
    [
        "https://169.254.169.254/latest",
        "https://localhost/keys",
        "https://a.example:8443/keys",
        "https://a.example@10.0.0.1/keys",
        "https://a.example.b.example/keys",
    ],
)
def test_keys_on_another_host_are_not_asked_for_unless_they_are_registered(address: str) -> None:
    with pytest.raises(KeysElsewhere):
        keys_address("https://a.example", {"issuer": "https://a.example", "jwks_uri": address})
    same = "https://A.example:443/keys"
    assert keys_address("https://a.example", {"issuer": "https://a.example", "jwks_uri": same})


async def test_more_keys_than_an_issuer_has_are_not_parsed(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(*[published(key)] * 101)
    assert await provider.sign_in(provider.authenticator(), key) == "again in 11"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
async def test_a_date_of_infinity_is_refused(provider: Provider, name: str) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    token = provider.token(key, **{name: float("inf")})
    with pytest.raises(Unauthenticated) as refused:
        await provider.authenticator().principal(f"Bearer {token}")
    assert refused.value.code in {"token_invalid", "claims_malformed"}


async def test_a_redirect_is_not_followed(provider: Provider) -> None:
    key = elliptic()
    provider.says("/moved", {"keys": [published(key)]})
    provider.describes()
    provider.says("/keys", {}, status=302, location=f"{provider.address}/moved")
    assert await provider.sign_in(provider.authenticator(), key) == "again in 11"
    assert "/moved" not in provider.asked


async def test_an_answer_without_an_end_is_not_read(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(*[published(key, kid="x" * 1000) for _ in range(1100)])
    assert await provider.sign_in(provider.authenticator(), key) == "again in 11"


async def test_only_registered_issuers_are_asked(provider: Provider) -> None:
    sent = provider.token(elliptic(), iss=f"{provider.address}/other", jku=f"{provider.address}/keys")
    with pytest.raises(Unauthenticated):
        await provider.authenticator().principal(f"Bearer {sent}")
    assert provider.asked == []


async def test_many_requests_at_once_ask_the_issuer_once(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    authenticator = provider.authenticator()
    answers = await asyncio.gather(
        *(provider.sign_in(authenticator, key, kid=f"{n}") for n in [*range(20), *["one"] * 20])
    )
    assert set(answers) == {"in", "key_unknown"}
    assert provider.asked == [METADATA, "/keys"]


async def test_a_key_that_was_replaced_under_its_id_is_fetched_when_a_signature_does_not_hold(
    provider: Provider,
) -> None:
    before, after = elliptic(), elliptic()
    provider.describes()
    provider.publishes(published(before))
    authenticator = provider.authenticator()
    assert await provider.sign_in(authenticator, before) == "in"
    provider.publishes(published(after))
    assert await provider.sign_in(authenticator, after) == "token_invalid", "asked a moment ago"
    provider.clock.at += 11
    assert await provider.sign_in(authenticator, after) == "in"
    assert await provider.sign_in(authenticator, before) == "token_invalid"


async def test_forged_signatures_ask_the_issuer_once_in_ten_seconds(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    authenticator = provider.authenticator()
    assert await provider.sign_in(authenticator, key) == "in"
    provider.clock.at += 11
    for _ in range(5):
        assert await provider.sign_in(authenticator, elliptic()) == "token_invalid"
    assert provider.asked.count("/keys") == 2


async def test_an_unknown_key_within_the_retry_window_is_to_be_tried_again(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    authenticator = provider.authenticator()
    assert await provider.sign_in(authenticator, key) == "in"
    provider.clock.at += 4
    assert await provider.sign_in(authenticator, key, kid="two") == "again in 7"
    provider.publishes(published(key), published(key, kid="two"))
    provider.clock.at += 7
    assert await provider.sign_in(authenticator, key, kid="two") == "in"


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
async def test_an_rsa_key_without_alg_verifies_both_kinds_of_signatures(provider: Provider, alg: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    provider.describes()
    provider.publishes(published(key))
    assert await provider.sign_in(provider.authenticator(), key, alg=alg) == "in"


async def test_a_key_with_alg_verifies_no_other_kind_of_signature(provider: Provider) -> None:
    key = rsa.generate_private_key(65537, 2048)
    provider.describes()
    provider.publishes(published(key, alg="RS256"))
    authenticator = provider.authenticator()
    assert await provider.sign_in(authenticator, key, alg="RS256") == "in"
    assert await provider.sign_in(authenticator, key, alg="PS256") == "key_unknown"


async def test_a_malformed_key_does_not_hide_the_others(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    odd: list[Any] = [7, {"kty": "EC", "crv": "P-256"}, {"kty": 7}, {"kty": "RSA", "crv": ["x"], "n": 1}, {"kty": "X"}]
    provider.publishes(*odd, published(key))
    assert await provider.sign_in(provider.authenticator(), key) == "in"


async def test_a_verified_token_is_remembered_until_its_key_is_withdrawn(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    authenticator = provider.authenticator()
    sent = f"Bearer {provider.token(key)}"
    first = await authenticator.principal(sent)
    assert await authenticator.principal(sent) is first
    provider.publishes(published(elliptic(), kid="two"))
    provider.clock.at += 301
    with pytest.raises(Unauthenticated, match="does not publish"):
        await authenticator.principal(sent)


async def test_a_remembered_token_is_refused_once_it_has_expired(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    authenticator = provider.authenticator()
    just_expired = int(provider.clock.now().timestamp()) - 10
    sent = f"Bearer {provider.token(key, exp=just_expired)}"
    first = await authenticator.principal(sent)
    assert await authenticator.principal(sent) is not first, "verified again, because only that allows for clocks"


async def test_a_changed_signature_is_not_taken_for_the_token_that_was_verified(provider: Provider) -> None:
    key = elliptic()
    provider.describes()
    provider.publishes(published(key))
    authenticator = provider.authenticator()
    sent = provider.token(key)
    await authenticator.principal(f"Bearer {sent}")
    with pytest.raises(Unauthenticated):
        await authenticator.principal(f"Bearer {sent[:-6]}AAAAAA")
