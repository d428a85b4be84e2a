"""Signs certificates as JSON Web Signatures (RFC 7515), which everybody can verify with the published key."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from services.mentorships.certificates.domain import Certificate

ALGORITHM = "ES256"
TYPE = "mentoring-certificate+jwt"
"""Of the header `typ`: no token for a sign-in has it."""


class Signer:
    def __init__(self, key: ec.EllipticCurvePrivateKey, *, issuer: str) -> None:
        """`issuer`: the service's public address, at which the key is found."""
        self._key = key
        self._issuer = issuer
        public: dict[str, Any] = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._id = _thumbprint(public)
        self.public_keys: Mapping[str, Any] = {
            "keys": [{**public, "kid": self._id, "alg": ALGORITHM, "use": "sig"}],
        }
        """A JSON Web Key Set (RFC 7517)."""

    @property
    def keys_address(self) -> str:
        return f"{self._issuer}/certificates/keys"

    def sign(self, certificate: Certificate) -> str:
        claims = {
            "iss": self._issuer,
            "jti": certificate.id,
            "iat": int(certificate.ended_at.timestamp()),
            "sub": certificate.member,
            "name": certificate.name,
            "institution": certificate.institution,
            "role": "mentor",
            "programme": certificate.programme,
            "began_on": certificate.began_at.date().isoformat(),
            "ended_on": certificate.ended_at.date().isoformat(),
            "meetings": certificate.meetings,
            "minutes": certificate.minutes,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._id, "typ": TYPE})


def new_key() -> ec.EllipticCurvePrivateKey:
    """For development: certificates of a process that has ended cannot be verified."""
    return ec.generate_private_key(ec.SECP256R1())


def _thumbprint(public: Mapping[str, Any]) -> str:
    """RFC 7638."""
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
