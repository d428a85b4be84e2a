"""Resolves members that rotations and rounds name by id, or by an identifier of their institution."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.errors import FieldError
from shared.identifiers import IdentifierKind

_WORDS: Mapping[IdentifierKind, str] = {"external_id": "staff number", "email": "e-mail address"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    kind: IdentifierKind
    value: str = field(repr=False)
    """Personal data: only for computing the digest, never for a log or a message."""


Named = str | Identifier
"""A member's id, or an identifier."""
MembersByIdentifier = Mapping[Identifier, Collection[str]]
"""The ids of the members who have each identifier."""


def resolve(named: Named, found: MembersByIdentifier, *, field: str) -> str | FieldError:
    """The member's id, or an error. `field` is the name of the id's field; the error names the identifier's field."""
    if isinstance(named, str):
        return named
    members, words = found.get(named, ()), _WORDS[named.kind]
    if len(members) == 1:
        return next(iter(members))
    if members:
        message = f"is the {words} of several members at the moment: use a member id"
    else:
        message = f"must be the {words} of a member of your institution whom your token covers"
    return FieldError(f"{field}_{named.kind}", message)
