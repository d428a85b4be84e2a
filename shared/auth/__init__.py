"""Sign-in with bearer tokens (JWT) of registered OIDC issuers. Import from here."""

from shared.auth.claims import Unauthenticated
from shared.auth.issuers import Issuer, load_issuers
from shared.auth.keys import IssuerUnavailable
from shared.auth.tokens import Authenticator, subject_hash
from shared.principal import Principal

__all__ = [
    "Authenticator",
    "Issuer",
    "IssuerUnavailable",
    "Principal",
    "Unauthenticated",
    "load_issuers",
    "subject_hash",
]
