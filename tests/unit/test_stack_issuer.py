"""The local issuer's tokens verify against the key set that it publishes, and can be made wrong on purpose."""

import json
import stat
from pathlib import Path
from typing import Any

import jwt
import pytest

from deploy.issuer import AUDIENCE, ISSUER, LocalIssuer


def verified(token: str, folder: Path) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_dict(json.loads((folder / "jwks.json").read_text(encoding="utf-8")))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)
    return claims


def test_a_token_carries_the_requested_claims(tmp_path: Path) -> None:
    issuer = LocalIssuer.load_or_create(tmp_path)
    claims = verified(issuer.token("ann", institution="i1", roles=["coordinator"], programmes=["p1"]), tmp_path)
    assert (claims["sub"], claims["institution"], claims["roles"], claims["programmes"]) == (
        "ann",
        "i1",
        ["coordinator"],
        ["p1"],
    )


def test_the_key_is_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    token = LocalIssuer.load_or_create(tmp_path).token("ann", institution=None, roles=["operator"])
    LocalIssuer.load_or_create(tmp_path)
    assert verified(token, tmp_path)["sub"] == "ann"
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_any_claim_can_be_changed_or_taken_away(tmp_path: Path) -> None:
    issuer = LocalIssuer.load_or_create(tmp_path)
    token = issuer.token("ann", institution="i1", roles=[], claims={"aud": "somebody-else", "institution": None})
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == "somebody-else"
    assert "institution" not in claims


def test_a_token_expires(tmp_path: Path) -> None:
    issuer = LocalIssuer.load_or_create(tmp_path)
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(issuer.token("ann", institution=None, roles=[], lifetime_seconds=-1), tmp_path)


def test_the_local_issuer_is_registered_for_development_only(tmp_path: Path) -> None:
    issuer = LocalIssuer.load_or_create(tmp_path)
    (entry,) = json.loads(issuer.issuers_file.read_text(encoding="utf-8"))
    assert entry["development"] is True
    assert entry["jwks_uri"] == (tmp_path / "jwks.json").as_uri()
