"""Fields by which a request body or a row names a member: exactly one of id, external id and e-mail address."""

from typing import TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from services.matching.projections.lookup.domain import Identifier, Named
from shared.identifiers import IDENTIFIER_KINDS

Body = TypeVar("Body", bound=BaseModel)


def fields_naming(party: str) -> tuple[str, ...]:
    return (party, *(f"{party}_{kind}" for kind in IDENTIFIER_KINDS))


def require_one_name(body: Body, *parties: str) -> Body:
    """For use in a model validator. Raises `PydanticCustomError` unless each party is named by exactly one field."""
    for party in parties:
        fields = fields_naming(party)
        if sum(getattr(body, field) is not None for field in fields) != 1:
            *others, last = (f"`{field}`" for field in fields)
            words = {"fields": f"{', '.join(others)} and {last}"}
            raise PydanticCustomError("one_name", "must have exactly one of {fields}", words)
    return body


def named(body: BaseModel, party: str) -> Named:
    for kind in IDENTIFIER_KINDS:
        if (value := getattr(body, f"{party}_{kind}")) is not None:
            return Identifier(kind=kind, value=value)
    return str(getattr(body, party))
