"""The registry of OIDC issuers: each may name members of its own institutions only."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter


class ClaimNames(BaseModel):
    model_config = ConfigDict(frozen=True)

    institution: str = "institution"
    roles: str = "roles"
    programmes: str = "programmes"


class Issuer(BaseModel):
    """An entry of the registry. `institutions: ["*"]` is for a network's own issuer: operators, and development."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    audience: str
    jwks_uri: str
    institutions: frozenset[str]
    claims: ClaimNames = ClaimNames()
    may_name_operators: bool = False
    coordinators_without_programmes_coordinate_the_institution: bool = False
    """For issuers that cannot send `institution_coordinator` yet: the role is given to coordinators without programmes.
    """
    development: bool = False

    @property
    def is_local(self) -> bool:
        return self.development or urlsplit(self.jwks_uri).scheme != "https"

    def speaks_for(self, institution: str) -> bool:
        return "*" in self.institutions or institution in self.institutions


def load_issuers(path: Path) -> tuple[Issuer, ...]:
    return tuple(TypeAdapter(list[Issuer]).validate_json(path.read_bytes()))
