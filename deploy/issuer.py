"""Issues tokens for development and tests; services in any other environment refuse this issuer.

Keeps an ES256 key in a folder, with the files that the services read: `jwks.json` and `issuers.json`.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER = "https://issuer.preceptor.localhost"
AUDIENCE = "preceptor"
ALGORITHM = "ES256"
KEY_ID = "development"


@dataclass(frozen=True, slots=True)
class LocalIssuer:
    folder: Path
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def load_or_create(cls, folder: Path) -> "LocalIssuer":
        folder.mkdir(parents=True, exist_ok=True)
        issuer = cls(folder=folder, key=_load_or_create_key(folder / "key.pem"))
        issuer.publish(folder)
        return issuer

    @classmethod
    def load(cls, folder: Path) -> "LocalIssuer":
        """Of a folder that may not be written to."""
        return cls(folder=folder, key=_load_or_create_key(folder / "key.pem"))

    @property
    def issuers_file(self) -> Path:
        return self.folder / "issuers.json"

    def publish(self, folder: Path) -> None:
        """Writes the public key set, and the list of issuers that refers to it."""
        keys = folder / "jwks.json"
        public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        _write(keys, {"keys": [{**public, "kid": KEY_ID, "alg": ALGORITHM, "use": "sig"}]})
        _write(
            folder / "issuers.json",
            [
                {
                    "issuer": ISSUER,
                    "audience": AUDIENCE,
                    "jwks_uri": keys.resolve().as_uri(),
                    "institutions": ["*"],
                    "development": True,
                }
            ],
        )

    def token(
        self,
        subject: str,
        *,
        institution: str | None,
        roles: Sequence[str],
        programmes: Sequence[str] = (),
        lifetime_seconds: int = 3600,
        claims: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        """`claims` and `headers` replace the usual values, for tests of bad tokens; None removes a claim. Without
        `programmes` the token has no such claim.
        """
        now = int(time.time())
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + lifetime_seconds,
            "institution": institution,
            "roles": list(roles),
            "programmes": list(programmes) or None,
            **(claims or {}),
        }
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm=ALGORITHM, headers={"kid": KEY_ID, **(headers or {})})


def _load_or_create_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds another kind of key: delete it, and a new key is created")
    return key


def _write(path: Path, content: object) -> None:
    # Renamed into place, so that a starting service never reads half a file.
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path)
