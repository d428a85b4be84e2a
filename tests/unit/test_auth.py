"""Tokens as an enemy sends them, and issuers as they fail: who is let in, and what is said to the others."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from deploy.issuer import AUDIENCE, ISSUER, LocalIssuer
from shared.auth import Authenticator, Issuer, IssuerUnavailable, Principal, Unauthenticated, subject_hash
from shared.errors import Forbidden
from shared.scope import Scope
from shared.telemetry import Metrics, configure_logs

HOUR = 3600


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at

    def new_id(self) -> str:
        raise NotImplementedError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    return LocalIssuer.load_or_create(tmp_path_factory.mktemp("issuer"))


def registered(local: LocalIssuer, **changed: Any) -> Issuer:
    whole: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": {AUDIENCE},
        "jwks_uri": (local.folder / "jwks.json").as_uri(),
        "institutions": frozenset({"charite", "mayo"}),
    }
    return Issuer(**whole | changed)


def token(local: LocalIssuer, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    roles = claims.pop("roles", ["member"])
    return local.token("ada", institution="charite", roles=[], claims={"roles": roles, **claims}, headers=headers)


async def ask(local: LocalIssuer, sent: str, **changed: Any) -> Principal:
    return await Authenticator([registered(local, **changed)], Clock(), Metrics()).principal(f"Bearer {sent}")


async def refused(local: LocalIssuer, sent: str, **changed: Any) -> str:
    with pytest.raises((Unauthenticated, Forbidden)) as caught:
        await ask(local, sent, **changed)
    assert sent not in str(caught.value)
    return str(getattr(caught.value, "code", ""))


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: Any, claims: Any, signature: bytes = b"") -> str:
    return f"{encoded(header)}.{encoded(claims)}.{encoded(signature)}"


GOOD = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "ada",
    "exp": 4_000_000_000,
    "institution": "charite",
    "roles": ["member"],
}


async def test_a_valid_token_gives_the_principals_subject_institution_and_roles(local: LocalIssuer) -> None:
    me = await ask(local, token(local, roles=["coordinator", "offline_access"], programmes=["first-friday"]))
    assert me == Principal(
        subject_hash=subject_hash(ISSUER, "ada"),
        institution="charite",
        roles=frozenset({"coordinator"}),
        programmes=frozenset({"first-friday"}),
    )


@pytest.mark.parametrize("claims", [{}, {"programmes": None}, {"programmes": []}, {"programmes": ""}], ids=str)
async def test_a_coordinator_without_programmes_coordinates_nothing(local: LocalIssuer, claims: dict[str, Any]) -> None:
    me = await ask(local, token(local, roles=["coordinator"], **claims))
    assert (me.is_coordinator, me.coordinates_institution, me.coordinates("first-friday")) == (False, False, False)
    assert me.scope == Scope(institution="charite")
    with pytest.raises(Forbidden):
        me.require("coordinator", "integrator")


@pytest.mark.parametrize("claims", [{}, {"programmes": []}, {"programmes": ["first-friday"]}], ids=str)
async def test_an_institution_coordinator_coordinates_every_programme(
    local: LocalIssuer, claims: dict[str, Any]
) -> None:
    me = await ask(local, token(local, roles=["institution_coordinator"], **claims))
    me.require("coordinator")
    assert me.scope == Scope(institution="charite", is_whole=True)
    assert (me.coordinates_institution, me.coordinates("residency")) == (True, True)


async def test_a_coordinator_coordinates_the_programmes_that_the_token_names(local: LocalIssuer) -> None:
    me = await ask(local, token(local, roles=["coordinator"], programmes="first-friday residency"))
    me.require("coordinator")
    assert (me.coordinates("residency"), me.coordinates("other"), me.coordinates_institution) == (True, False, False)
    assert not me.scope.covers_any([])


@pytest.mark.parametrize(
    ("claims", "is_whole", "programmes"),
    [({}, True, []), ({"programmes": []}, False, []), ({"programmes": ["residency"]}, False, ["residency"])],
    ids=str,
)
async def test_an_integrator_is_limited_by_the_programmes_that_the_token_names(
    local: LocalIssuer, claims: dict[str, Any], *, is_whole: bool, programmes: list[str]
) -> None:
    me = await ask(local, token(local, roles=["integrator"], **claims))
    assert (me.scope.is_whole, me.scope.programmes) == (is_whole, frozenset(programmes))
    assert not me.coordinates("residency")


@pytest.mark.parametrize("role", ["member", "operator"])
async def test_the_programmes_claim_gives_nothing_to_other_roles(local: LocalIssuer, role: str) -> None:
    me = await ask(local, token(local, roles=[role], programmes=["residency"]), may_name_operators=True)
    assert me.scope == Scope(institution="charite")
    assert not me.coordinates("residency")


@pytest.mark.parametrize("claims", [{}, {"programmes": []}, {"programmes": "residency"}], ids=str)
async def test_an_issuer_may_let_coordinators_without_programmes_coordinate_all(
    local: LocalIssuer, claims: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("test")
    setting = {"coordinators_without_programmes_coordinate_the_institution": True}
    me = await ask(local, token(local, roles=["coordinator"], **claims), **setting)
    assert me.coordinates_institution is ("residency" not in claims.values())
    assert not (await ask(local, token(local, roles=["member"], **claims), **setting)).is_coordinator
    assert "coordinators_without_programmes_coordinate_the_institution" in capsys.readouterr().err


@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer ", "Basic YTpi", "bearer"])
async def test_a_request_without_a_bearer_token_is_refused(local: LocalIssuer, sent: str | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await Authenticator([registered(local)], Clock(), Metrics()).principal(sent)
    assert caught.value.code == "token_missing"


@pytest.mark.parametrize(
    "sent",
    [
        "x",
        "a.b.c",
        "..",
        "é.é.é",
        "a b.c d.e f",
        forged([], GOOD),
        forged({"alg": "ES256"}, []),
        forged({"alg": "ES256"}, b"\xff\xfe"),
        forged({"alg": "ES256"}, b"[" * 4000),
        forged(b"[" * 4000, GOOD),
        forged({"alg": "ES256"}, b'{"exp": ' + b"9" * 5000 + b"}"),
        forged({"alg": "ES256", "kid": 7}, GOOD),
        forged({"alg": "ES256", "kid": ["development"]}, GOOD),
        "a" * 100_000,
        forged({"alg": "ES256"}, {**GOOD, "padding": "a" * 1_000_000}),
    ],
    ids=lambda sent: f"{sent[:12]}…{len(sent)}",
)
async def test_a_token_that_is_not_a_jwt_is_malformed(local: LocalIssuer, sent: str) -> None:
    assert await refused(local, sent) == "token_malformed"


@pytest.mark.parametrize(
    "iss", [None, "https://evil.example", 7, [ISSUER], {"a": ISSUER}, ISSUER + "/", ISSUER.upper()]
)
async def test_an_issuer_that_is_not_registered_is_unknown(local: LocalIssuer, iss: Any) -> None:
    assert await refused(local, forged({"alg": "ES256"}, {**GOOD, "iss": iss})) == "issuer_unknown"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS256", "HS512", "RS1", None, 7, ["ES256"], {"a": 1}])
async def test_an_algorithm_that_is_not_allowed_is_refused(local: LocalIssuer, alg: Any) -> None:
    sent = forged({"alg": alg, "typ": "JWT", "kid": "development"}, GOOD)
    assert await refused(local, sent) in {"algorithm_refused", "token_malformed"}


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(local: LocalIssuer) -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = local.key.public_key().public_bytes(serialization.Encoding.PEM, form)
    signed = f"{encoded({'alg': 'HS256', 'kid': 'development'})}.{encoded(GOOD)}"
    signature = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    assert await refused(local, f"{signed}.{encoded(signature)}") == "algorithm_refused"


async def test_a_published_symmetric_key_verifies_no_token(local: LocalIssuer, tmp_path: Path) -> None:
    secret = b"published to the whole world, alas"
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [{"kty": "oct", "kid": "shared", "alg": "HS256", "k": encoded(secret)}]}))
    for alg in ("HS256", "ES256"):
        signed = f"{encoded({'alg': alg, 'kid': 'shared'})}.{encoded(GOOD)}"
        signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        code = await refused(local, f"{signed}.{encoded(signature)}", jwks_uri=keys.as_uri())
        assert code in {"algorithm_refused", "key_unknown"}


@pytest.mark.parametrize(
    ("marks", "verifies"),
    [
        ({"use": "sig"}, True),
        ({"use": None}, False),
        ({"use": "enc"}, False),
        ({"use": ["sig"]}, False),
        ({"key_ops": ["verify"]}, True),
        ({"key_ops": ["sign", "verify"], "use": "sig"}, True),
        ({"key_ops": ["verify"], "use": "enc"}, False),
        ({"key_ops": []}, False),
        ({"key_ops": ["encrypt"]}, False),
        ({"key_ops": "verify"}, False),
    ],
    ids=str,
)
async def test_only_a_key_that_is_published_for_signatures_verifies(
    local: LocalIssuer,
    tmp_path: Path,
    marks: dict[str, Any],
    verifies: bool,  # noqa: FBT001 -- parametrized
) -> None:
    published = json.loads((local.folder / "jwks.json").read_text())
    for key in published["keys"]:
        key.pop("use", None)
        key.update(marks)
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(published))
    if verifies:
        assert (await ask(local, token(local), jwks_uri=keys.as_uri())).institution == "charite"
    else:
        assert await refused(local, token(local), jwks_uri=keys.as_uri()) == "key_unknown"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1", "4000000000", True, [1], {}, float("inf"), float("nan")], ids=str)
async def test_a_date_of_a_token_is_a_number(local: LocalIssuer, name: str, value: Any) -> None:
    code = await refused(local, token(local, **{name: value}))
    assert code in {"claims_malformed", "token_invalid", "token_expired"}
    if name == "exp" and value == "4000000000":
        assert code == "claims_malformed"


async def test_a_date_beyond_every_float_is_a_number(local: LocalIssuer) -> None:
    assert (await ask(local, token(local, exp=10**400))).institution == "charite"


async def test_a_changed_claim_or_signature_does_not_hold(local: LocalIssuer) -> None:
    header, claims, signature = token(local).split(".")
    assert await refused(local, f"{header}.{encoded({**GOOD, 'institution': 'mayo'})}.{signature}") == "token_invalid"
    assert await refused(local, f"{header}.{claims}.{encoded(b'x' * 64)}") == "token_invalid"
    assert await refused(local, f"{header}.{claims}.") == "token_invalid"


async def test_an_expired_token_is_refused_as_expired(local: LocalIssuer) -> None:
    expired = local.token("ada", institution="charite", roles=[], lifetime_seconds=-HOUR)
    assert await refused(local, expired) == "token_expired"


@pytest.mark.parametrize("aud", ["another", ["another"], [], "", None])
async def test_a_token_for_another_audience_is_refused(local: LocalIssuer, aud: Any) -> None:
    assert await refused(local, token(local, aud=aud)) in {"audience_wrong", "token_invalid"}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "soon"},
        {"exp": [4_000_000_000]},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": 7.5},
        {"sub": True},
        {"sub": ["ada"]},
        {"aud": 7},
        {"aud": {"preceptor": True}},
    ],
    ids=str,
)
async def test_a_claim_that_does_not_hold_is_refused(local: LocalIssuer, claims: dict[str, Any]) -> None:
    raw = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": 4_000_000_000, **claims}
    kept = json.dumps({name: value for name, value in raw.items() if value is not None}).encode()
    sent = jwt.PyJWS().encode(kept, local.key, algorithm="ES256", headers={"kid": "development"})
    assert await refused(local, sent) in {"token_invalid", "audience_wrong", "claims_malformed"}


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ""},
        {"sub": "  "},
        {"sub": "\ud800"},
        {"roles": 7},
        {"roles": 0},
        {"roles": False},
        {"roles": {"operator": True}},
        {"roles": [["operator"]]},
        {"roles": ["member", 7]},
        {"programmes": 7},
        {"programmes": {}},
        {"programmes": [["first-friday"]]},
    ],
    ids=ascii,
)
async def test_a_claim_of_an_odd_type_is_refused_rather_than_read_as_no_limit(
    local: LocalIssuer, claims: dict[str, Any]
) -> None:
    assert await refused(local, token(local, **claims)) == "claims_malformed"


@pytest.mark.parametrize("institution", ["oslo", ["charite"], {"charite": 1}, 7, "", "Charite", "charite ", "\ud800"])
async def test_an_issuer_speaks_for_its_own_institutions_only(local: LocalIssuer, institution: Any) -> None:
    assert await refused(local, token(local, institution=institution)) == "institution_refused"


@pytest.mark.parametrize("institution", ["", "a:b", "a\nb", {"$ne": ""}, "$ne", "a/b", "x" * 200, "*"])
async def test_even_an_issuer_for_all_institutions_speaks_for_ids_only(local: LocalIssuer, institution: Any) -> None:
    sent = token(local, institution=institution)
    assert await refused(local, sent, institutions=frozenset({"*"})) == "institution_refused"


async def test_only_an_issuer_with_permission_names_operators(local: LocalIssuer) -> None:
    sent = token(local, roles="member operator")
    assert await refused(local, sent) == "operator_refused"
    assert "operator" in (await ask(local, sent, may_name_operators=True)).roles


async def test_a_token_without_an_institution_is_refused(local: LocalIssuer) -> None:
    me = await ask(local, token(local, institution=None))
    with pytest.raises(Forbidden):
        _ = me.home


def test_two_sign_ins_never_share_a_hash_by_where_one_name_ends() -> None:
    assert subject_hash("https://a", "bc") != subject_hash("https://ab", "c")


class Rotating:
    """An issuer whose keys change, in a file that may be absent or nonsense."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.file = folder / "jwks.json"
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        issuer = Issuer(
            issuer=ISSUER, audience=frozenset({AUDIENCE}), jwks_uri=self.file.as_uri(), institutions=frozenset({"a"})
        )
        self.authenticator = Authenticator([issuer], clock, Metrics())

    def publish(self, *kids: str) -> None:
        for kid in kids:
            self.keys.setdefault(kid, ec.generate_private_key(ec.SECP256R1()))
        public = {kid: ECAlgorithm.to_jwk(self.keys[kid].public_key(), as_dict=True) for kid in kids}
        self.file.write_text(json.dumps({"keys": [{**key, "kid": kid, "alg": "ES256"} for kid, key in public.items()]}))

    async def sign_in(self, kid: str) -> str:
        """`in`, or what was said instead."""
        key = self.keys.setdefault(kid, ec.generate_private_key(ec.SECP256R1()))
        sent = jwt.encode({**GOOD, "institution": "a"}, key, algorithm="ES256", headers={"kid": kid})
        try:
            await self.authenticator.principal(f"Bearer {sent}")
        except Unauthenticated as refused:
            return refused.code
        except IssuerUnavailable:
            return "unavailable"
        return "in"


@pytest.fixture
def rotating(tmp_path: Path, clock: Clock) -> Rotating:
    return Rotating(tmp_path, clock)


async def test_a_new_key_is_fetched_when_first_seen_and_no_more_than_once_in_ten_seconds(
    rotating: Rotating, clock: Clock
) -> None:
    rotating.publish("one")
    assert await rotating.sign_in("one") == "in"
    clock.at += 11
    rotating.publish("one", "two")
    assert await rotating.sign_in("two") == "in"
    rotating.publish("three")
    assert await rotating.sign_in("three") == "unavailable", "asked a moment ago: it may be published since"
    assert await rotating.sign_in("one") == "in"
    clock.at += 11
    assert await rotating.sign_in("three") == "in"
    assert await rotating.sign_in("one") == "unavailable", "asked a moment ago"
    clock.at += 11
    assert await rotating.sign_in("one") == "key_unknown", "withdrawn"


async def test_a_withdrawn_key_is_forgotten_within_five_minutes(rotating: Rotating, clock: Clock) -> None:
    rotating.publish("one")
    assert await rotating.sign_in("one") == "in"
    rotating.publish("two")
    assert await rotating.sign_in("one") == "in"
    clock.at += 301
    assert await rotating.sign_in("one") == "key_unknown"


async def test_keys_are_used_for_an_hour_while_their_issuer_does_not_answer(rotating: Rotating, clock: Clock) -> None:
    rotating.publish("one")
    assert await rotating.sign_in("one") == "in"
    rotating.file.unlink()
    clock.at += 301
    assert await rotating.sign_in("one") == "in"
    assert await rotating.sign_in("new") == "unavailable", "it may well be published"
    clock.at += HOUR
    assert await rotating.sign_in("one") == "unavailable"
    rotating.publish("one")
    clock.at += 11
    assert await rotating.sign_in("one") == "in"


async def test_an_issuer_that_does_not_answer_is_not_asked_for_every_request(rotating: Rotating, clock: Clock) -> None:
    assert await rotating.sign_in("one") == "unavailable"
    rotating.publish("one")
    assert await rotating.sign_in("one") == "unavailable"
    clock.at += 11
    assert await rotating.sign_in("one") == "in"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"[1]",
        b"7",
        b"{}",
        b'{"keys": 1}',
        b'{"keys": [1]}',
        b'{"keys": [{}]}',
        b"\xff",
        b"[" * 9999,
    ],
    ids=lambda answer: repr(answer[:14]),
)
async def test_invalid_keys_count_as_an_outage_of_the_issuer(rotating: Rotating, answer: bytes) -> None:
    rotating.file.write_bytes(answer)
    assert await rotating.sign_in("one") == "unavailable"


async def test_an_issuer_that_cannot_be_reached_is_an_outage(local: LocalIssuer) -> None:
    with pytest.raises(IssuerUnavailable):
        await ask(local, token(local), jwks_uri="http://127.0.0.1:1/jwks.json")
