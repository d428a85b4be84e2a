"""The registry of OIDC issuers: each may name members of its own institutions only.

An issuer may have several entries, one for each of its clients: a token belongs to the entry that its `aud` names.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, field_validator

from shared.principal import Role

_Text = Annotated[str, Field(min_length=1)]


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ClaimNames(BaseModel):
    """Where a token has what the services need: a claim's name (`https://st-anna.example/roles`), or a path of names
    (`realm_access.roles`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    institution: _Text = "institution"
    roles: _Text = "roles"
    programmes: _Text = "programmes"


class Issuer(BaseModel):
    """An entry of the registry. `institutions: ["*"]` is for a network's own issuer: operators, and development."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    audience: Annotated[frozenset[_Text], BeforeValidator(_several), Field(min_length=1)]
    """A token for one of these is accepted."""
    jwks_uri: str | None = None
    """None: the issuer's own metadata says where its keys are (OpenID Connect Discovery 1.0)."""
    institutions: frozenset[str]
    claims: ClaimNames = ClaimNames()
    roles: Mapping[str, Role] | None = None
    """Our role for each value of the roles claim. With it no other value gives a role, even where it has a role's name.
    """
    may_name_operators: bool = False
    coordinators_without_programmes_coordinate_the_institution: bool = False
    """For issuers that cannot send `institution_coordinator` yet: the role is given to coordinators without programmes.
    """
    development: bool = False

    @field_validator("issuer")
    @classmethod
    def _is_an_address(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be an address like https://login.st-anna.example")
        return issuer

    @property
    def is_local(self) -> bool:
        return self.development or urlsplit(self.jwks_uri or self.issuer).scheme != "https"

    @property
    def metadata_uri(self) -> str:
        """OpenID Connect Discovery 1.0, 4.1."""
        return self.issuer.rstrip("/") + "/.well-known/openid-configuration"

    def speaks_for(self, institution: str) -> bool:
        return "*" in self.institutions or institution in self.institutions


def load_issuers(path: Path) -> tuple[Issuer, ...]:
    """Raises `ValueError`, which names the issuer, for entries between which a token could not decide."""
    issuers = tuple(TypeAdapter(list[Issuer]).validate_json(path.read_bytes()))
    problems = list(_conflicts(issuers))
    if problems:
        raise ValueError(f"{path}: {'; '.join(problems)}")
    return issuers


def by_issuer(issuers: Iterable[Issuer]) -> Mapping[str, Sequence[Issuer]]:
    found: dict[str, list[Issuer]] = {}
    for entry in issuers:
        found.setdefault(entry.issuer, []).append(entry)
    return found


def near(issuer: str) -> str:
    """Equal for issuers that differ only as people mistype them: by case, scheme, or a slash at the end."""
    return issuer.strip().rstrip("/").casefold().replace("http://", "https://", 1)


def _conflicts(issuers: Sequence[Issuer]) -> Iterable[str]:
    for first, second in combinations(issuers, 2):
        if first.issuer != second.issuer:
            continue
        if first.audience & second.audience:
            shared = ", ".join(sorted(first.audience & second.audience))
            yield f"{first.issuer}: two entries have the audience {shared}; give each its own, or make them one entry"
        if first.jwks_uri != second.jwks_uri:
            yield f"{first.issuer}: its entries must have the same jwks_uri: an issuer has one set of keys"
