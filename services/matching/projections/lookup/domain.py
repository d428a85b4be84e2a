"""Members named in rotations and rounds: by id, or by an identifier that their institution knows them by."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.errors import FieldError
from shared.identifiers import IdentifierKind

_WORDS: Mapping[IdentifierKind, str] = {"external_id": "staff number", "email": "e-mail address"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    kind: IdentifierKind
    value: str = field(repr=False)
    """Personal: for a digest, and for no log or message."""


Named = str | Identifier
"""A member's id, or an identifier."""
Found = Mapping[Identifier, Collection[str]]
"""The ids of the members who have each identifier."""


def resolve(named: Named, found: Found, *, field: str) -> str | FieldError:
    """The member's id. `field` is the place of the id; the error names that of the identifier."""
    if isinstance(named, str):
        return named
    members, words = found.get(named, ()), _WORDS[named.kind]
    if len(members) == 1:
        return next(iter(members))
    if members:
        said = f"is the {words} of several members at the moment: use a member id"
    else:
        said = f"must be the {words} of a member of your institution whom your token covers"
    return FieldError(f"{field}_{named.kind}", said)
