"""The registry of issuers, and what it makes of the claims of tokens as institutions' providers send them."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.issuer import AUDIENCE, ISSUER, LocalIssuer
from shared.auth import Authenticator, Issuer, Principal, Unauthenticated, load_issuers, subject_hash
from shared.clock import SystemClock
from shared.errors import Forbidden
from shared.telemetry import Metrics, configure_logs

ROLES_URL = "https://st-anna.example/claims/roles"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    return LocalIssuer.load_or_create(tmp_path_factory.mktemp("issuer"))


class Registry:
    def __init__(self, local: LocalIssuer, *entries: dict[str, Any]) -> None:
        self.local = local
        self.metrics = Metrics()
        keys = (local.folder / "jwks.json").as_uri()
        whole = [
            {"issuer": ISSUER, "audience": AUDIENCE, "jwks_uri": keys, "institutions": ["charite"]} | e for e in entries
        ]
        file = local.folder / "registry.json"
        file.write_text(json.dumps(whole))
        self.authenticator = Authenticator(load_issuers(file), SystemClock(), self.metrics)

    async def sign_in(self, **claims: Any) -> Principal:
        sent = self.local.token("ada", institution="charite", roles=["member"], claims=claims)
        return await self.authenticator.principal(f"Bearer {sent}")

    async def refused(self, **claims: Any) -> Unauthenticated | Forbidden:
        with pytest.raises((Unauthenticated, Forbidden)) as caught:
            await self.sign_in(**claims)
        return caught.value

    def refusals(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("preceptor_refused_sign_ins_total", {"reason": reason})


def loaded(tmp_path: Path, *entries: dict[str, Any]) -> tuple[Issuer, ...]:
    file = tmp_path / "issuers.json"
    file.write_text(json.dumps([{"issuer": ISSUER, "audience": "a", "institutions": ["charite"]} | e for e in entries]))
    return load_issuers(file)


async def test_each_audience_of_an_issuer_has_the_institutions_of_its_entry(local: LocalIssuer) -> None:
    registry = Registry(local, {"audience": "one"}, {"audience": ["two", "three"], "institutions": ["mayo"]})
    assert (await registry.sign_in(aud="one")).institution == "charite"
    assert (await registry.sign_in(aud=["account", "three"], institution="mayo")).institution == "mayo"
    assert (await registry.refused(aud="two")).code == "institution_refused"
    assert (await registry.refused(aud="one", institution="mayo")).code == "institution_refused"
    assert (await registry.refused(aud="four")).code == "audience_wrong"


async def test_a_token_for_two_clients_cannot_choose_between_their_rights(local: LocalIssuer) -> None:
    registry = Registry(local, {"audience": "one"}, {"audience": "two", "institutions": ["mayo"]})
    assert (await registry.refused(aud=["one", "two"])).code == "audience_ambiguous"


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ({}, {"institutions": ["mayo"]}, "have the audience a"),
        ({"audience": ["a", "b"]}, {"audience": ["b", "c"]}, "have the audience b"),
        ({}, {"audience": "b", "jwks_uri": "https://x.example/keys"}, "the same jwks_uri"),
    ],
)
def test_entries_between_which_a_token_could_not_decide_are_refused_by_name(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        loaded(tmp_path, first, second)
    assert ISSUER in str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"audience": []},
        {"audience": ""},
        {"issuer": "login.st-anna.example"},
        {"issuer": "file:///etc/passwd"},
        {"issuer": "https://login.example?tenant=1"},
        {"roles": {"staff": "owner"}},
        {"claims": {"role": "roles"}},
        {"claims": {"roles": ""}},
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_meant_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 validation error"):
        loaded(tmp_path, changed)


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["coordinator"]}}),
        ("resource_access.my.client.roles", {"resource_access": {"my.client": {"roles": ["coordinator"]}}}),
        (ROLES_URL, {ROLES_URL: ["coordinator"]}),
        ("https://st-anna.example/claims.roles", {"https://st-anna.example/claims": {"roles": "coordinator"}}),
        ("groups", {"groups": "staff,coordinator"}),
        ("groups", {"groups": "staff, coordinator"}),
        ("groups", {"groups": "staff coordinator"}),
    ],
    ids=str,
)
async def test_roles_are_read_where_the_registry_says(local: LocalIssuer, path: str, claims: dict[str, Any]) -> None:
    me = await Registry(local, {"claims": {"roles": path}}).sign_in(**claims, roles=["operator"])
    assert me.roles == {"coordinator"}


async def test_institution_and_programmes_are_read_by_path_too(local: LocalIssuer) -> None:
    registry = Registry(local, {"claims": {"institution": "home.id", "programmes": "home.programmes"}})
    home = {"id": "charite", "programmes": "residency,fellowship"}
    me = await registry.sign_in(home=home, institution="mayo", programmes=["all"])
    assert (me.institution, me.programmes) == ("charite", {"residency", "fellowship"})
    assert (await registry.refused(home={**home, "id": "mayo"})).code == "institution_refused"


@pytest.mark.parametrize("within", [7, "coordinator", ["coordinator"], {"roles": {"a": 1}}, {"roles": 7}], ids=str)
async def test_a_path_through_something_else_than_an_object_finds_no_role(local: LocalIssuer, within: Any) -> None:
    refused = await Registry(local, {"claims": {"roles": "realm_access.roles"}}).refused(realm_access=within)
    assert refused.code in {"role_unknown", "claims_malformed"}


async def test_values_of_an_institution_are_mapped_to_roles(local: LocalIssuer) -> None:
    mapping = {"/mentoring/office": "institution_coordinator", "Medical Staff": "member", "students": "member"}
    registry = Registry(local, {"roles": mapping, "may_name_operators": True})
    assert (await registry.sign_in(roles=["Medical Staff", "other"])).roles == {"member"}
    assert (await registry.sign_in(roles=["students", "/mentoring/office"])).roles == {
        "member",
        "institution_coordinator",
    }
    assert (await registry.sign_in(roles=["students", "operator"])).roles == {"member"}, "the mapping alone counts"
    assert (await registry.refused(roles=["operator"])).code == "role_unknown"


async def test_only_an_entry_with_permission_maps_values_to_operators(local: LocalIssuer) -> None:
    registry = Registry(local, {"roles": {"admins": "operator"}})
    assert (await registry.refused(roles=["admins"])).code == "operator_refused"


@pytest.mark.parametrize(
    ("roles", "found"),
    [
        (None, "is missing"),
        ([], "is empty"),
        ("", "is empty"),
        (["student", "offline_access"], "lists student, offline_access,"),
        (["student", "Ada Lovelace", "ada@charite.example"], "lists student and 2 more,"),
        ("Ada Lovelace", "is a text without a known role"),
        ([f"r{n}" for n in range(12)], "lists r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 and 2 more,"),
    ],
    ids=str,
)
async def test_a_token_without_a_role_is_refused_with_what_was_found_and_expected(
    local: LocalIssuer, roles: Any, found: str
) -> None:
    registry = Registry(local, {})
    refused = await registry.refused(roles=roles, email="ada@charite.example", name="Ada Lovelace")
    assert isinstance(refused, Forbidden)
    assert refused.code == "role_unknown"
    assert f"claim `roles` {found}" in refused.message
    assert "coordinator, institution_coordinator, integrator, member, operator" in refused.message
    assert "ada" not in refused.message.lower()
    assert registry.refusals("role_unknown") == 1


async def test_the_expected_values_are_those_of_the_mapping(local: LocalIssuer) -> None:
    refused = await Registry(local, {"roles": {"staff": "member", "boss": "coordinator"}}).refused()
    assert "one of these is expected: boss, staff;" in refused.message


async def test_every_refusal_is_counted_by_its_reason(local: LocalIssuer) -> None:
    registry = Registry(local, {})
    await registry.sign_in()
    await registry.refused(aud="another")
    await registry.refused(institution="mayo")
    with pytest.raises(Unauthenticated):
        await registry.authenticator.principal(None)
    counted = {
        reason: registry.refusals(reason) for reason in ("audience_wrong", "institution_refused", "token_missing")
    }
    assert counted == {"audience_wrong": 1, "institution_refused": 1, "token_missing": 1}


async def test_a_numeric_subject_is_read_as_its_digits(local: LocalIssuer) -> None:
    registry = Registry(local, {})
    assert (await registry.sign_in(sub=4711)).subject_hash == subject_hash(ISSUER, "4711")
    assert (await registry.sign_in(sub=0)).subject_hash == subject_hash(ISSUER, "0")
    for wrong in (True, 7.5):
        assert (await registry.refused(sub=wrong)).code == "claims_malformed"


async def test_a_token_of_sixteen_kilobytes_is_read(local: LocalIssuer) -> None:
    registry = Registry(local, {})
    groups = [f"group-{n:05}" for n in range(740)]
    assert (await registry.sign_in(groups=groups)).institution == "charite"
    assert (await registry.refused(groups=groups * 2)).code == "token_malformed"


def logs_from_here_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Closing the handler of an earlier test may write a last line."""
    configure_logs("test")
    capsys.readouterr()


@pytest.mark.parametrize("iss", [ISSUER + "/", ISSUER + "//", ISSUER.upper(), ISSUER.replace("https", "http")])
async def test_a_near_miss_of_an_issuer_is_named_in_the_log(
    local: LocalIssuer, iss: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs_from_here_on(capsys)
    assert (await Registry(local, {}).refused(iss=iss)).code == "issuer_unknown"
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["issuer"], line["found"]) for line in logged if "found" in line] == [(ISSUER, iss)]


@pytest.mark.parametrize("iss", ["https://evil.example", ISSUER + "/realms/x", None], ids=str)
async def test_another_issuer_is_not_quoted_in_the_log(
    local: LocalIssuer, iss: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    logs_from_here_on(capsys)
    assert (await Registry(local, {}).refused(iss=iss)).code == "issuer_unknown"
    assert capsys.readouterr().err == ""
