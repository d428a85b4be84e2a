"""The vocabulary over HTTP: everybody who is signed in reads it, with their own institution's names for each term."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.domain.fields import given, wrong
from services.profiles.members.domain.profile import Language
from services.profiles.vocabulary.domain.terms import Term
from services.profiles.vocabulary.domain.vocabulary import MOST_NAMES, MOST_TERMS
from services.profiles.vocabulary.usecases import VocabularyUseCases
from shared.contracts.payload import Slug
from shared.contracts.profiles import TermKind
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    page_of,
    problems,
    router,
    text_after,
    with_etag,
)
from shared.principal import Principal
from shared.text import Line


def _in_english(labels: dict[str, str]) -> dict[str, str]:
    if "en" not in labels:
        raise wrong("labels", "must have a label in English, under en")
    return labels


Name = Annotated[Line, Field(min_length=1, max_length=100)]
Labels = Annotated[dict[Language, Name], Field(max_length=50), AfterValidator(_in_english)]
Names = Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)]
Broader = Annotated[tuple[Slug, ...], Field(max_length=5)]
_EXAMPLE: JsonDict = {
    "id": "career-development",
    "kind": "topic",
    "labels": {"en": "Career development", "de": "Karriereentwicklung"},
    "other_names": ["Career planning"],
    "broader": [],
}


class NewTerm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": _EXAMPLE})

    id: Slug
    kind: TermKind
    labels: Labels
    other_names: Names = ()
    broader: Broader = ()

    def to_term(self) -> Term:
        return Term(**dict(self))


class Edition(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"terms": [_EXAMPLE]}})

    terms: Annotated[tuple[NewTerm, ...], Field(min_length=1, max_length=MOST_TERMS)]


class TermPatch(BaseModel):
    """Fields left out stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"other_names": ["Career planning"]}})

    labels: Labels = {}
    other_names: Names = ()
    broader: Broader = ()
    successor: Slug | None = None
    """The term that is meant instead; null: the term is in use (again)."""


class OwnNames(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"names": ["karriereplanung"]}})

    names: Names


class OwnName(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "karriereplanung"}})

    name: Name


class TermView(BaseModel):
    id: str
    kind: TermKind
    labels: dict[str, str]
    other_names: tuple[str, ...]
    broader: tuple[str, ...]
    status: str
    """`active`, or `deprecated`: then `successor` is meant instead."""
    successor: str | None
    institution_names: dict[str, tuple[str, ...]]
    """By institution: your own, and for an operator all."""
    version: int


class EditionAdded(BaseModel):
    created: int
    existing: int
    """Terms that exist already stay as they are."""


class UnknownName(BaseModel):
    name: str
    members: int
    """How many active members write it."""
    nearest: tuple[str, ...]
    """Ids of the terms with the most similar names, at most three."""


class UnknownNames(BaseModel):
    names: list[UnknownName]


def _view(found: Versioned[Term], me: Principal) -> TermView:
    term = found.state
    shown = {of: own for of, own in term.institution_names.items() if of == me.institution or "operator" in me.roles}
    return TermView(
        id=term.id,
        kind=term.kind,
        labels=dict(term.labels),
        other_names=term.other_names,
        broader=term.broader,
        status="deprecated" if term.successor else "active",
        successor=term.successor,
        institution_names=shown,
        version=found.version,
    )


def vocabulary_router(vocabulary: VocabularyUseCases) -> APIRouter:
    routes = router(prefix="/vocabulary", tags=["vocabulary"])

    @routes.post("/terms", status_code=201, responses=problems(409))
    async def create(
        body: NewTerm, me: SignedIn, request: NewId, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> TermView:
        """Operators only. A name that already means another term is refused."""
        created = await vocabulary.create(me, body.to_term(), request=request, trace=trace)
        response.headers["location"] = f"/vocabulary/terms/{body.id}"
        return with_etag(response, created.version, _view(created, me))

    @routes.post("/editions")
    async def add_edition(body: Edition, me: SignedIn, trace: Traced, _key: IdempotencyKey = None) -> EditionAdded:
        """Operators only: creates those of many terms that do not exist yet, all or none."""
        created = await vocabulary.add_missing(me, [term.to_term() for term in body.terms], trace=trace)
        return EditionAdded(created=created, existing=len(body.terms) - created)

    @routes.get("/terms")
    async def page(
        me: SignedIn, kind: TermKind | None = None, limit: Limit = 50, cursor: str | None = None
    ) -> Page[TermView]:
        found = await vocabulary.page(kind, after=text_after(cursor), limit=limit)
        return page_of(found, lambda term: _view(term, me), limit=limit, position=lambda term: term.state.id)

    @routes.get("/terms/{term}", responses=problems(404))
    async def see(term: Slug, me: SignedIn, response: Response) -> TermView:
        seen = await vocabulary.see(term)
        return with_etag(response, seen.version, _view(seen, me))

    @routes.patch("/terms/{term}", responses=problems(404, 412))
    async def change(
        term: Slug, body: TermPatch, me: SignedIn, if_match: ExpectedVersion, trace: Traced, response: Response
    ) -> TermView:
        """Operators only."""
        changed = await vocabulary.change(me, term, given(body), expected=if_match, trace=trace)
        return with_etag(response, changed.version, _view(changed, me))

    return routes


def names_router(vocabulary: VocabularyUseCases) -> APIRouter:
    routes = router(prefix="/vocabulary", tags=["vocabulary"])

    @routes.put("/terms/{term}/names", responses=problems(404))
    async def set_names(term: Slug, body: OwnNames, me: SignedIn, trace: Traced, response: Response) -> TermView:
        """Your institution's own names for the term, instead of those that it had: by its institution_coordinator."""
        changed = await vocabulary.set_names(me, term, body.names, trace)
        return with_etag(response, changed.version, _view(changed, me))

    @routes.post("/terms/{term}/names", responses=problems(404))
    async def add_name(
        term: Slug, body: OwnName, me: SignedIn, trace: Traced, response: Response, _key: IdempotencyKey = None
    ) -> TermView:
        """One more own name of your institution for the term: by its institution_coordinator."""
        changed = await vocabulary.add_name(me, term, body.name, trace)
        return with_etag(response, changed.version, _view(changed, me))

    @routes.get("/unknown")
    async def unknown(
        me: SignedIn, kind: TermKind = "topic", limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> UnknownNames:
        """The names that most members write and that mean no term: of your institution's members, for its
        institution_coordinator; of all members, for an operator.
        """
        found = await vocabulary.unknown(me, kind, limit=limit)
        return UnknownNames(
            names=[UnknownName(name=each.name, members=each.members, nearest=each.nearest) for each in found]
        )

    return routes
