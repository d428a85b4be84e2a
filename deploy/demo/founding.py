"""Founds institutions and programmes, and binds people's sign-ins. A second run changes nothing."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import httpx

from deploy.api_client import Api, Refused, for_each
from deploy.demo.network import Programme
from deploy.vocabulary.edition import read_edition
from shared.contracts.payload import Part
from shared.contracts.profiles import Enrolment, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstitution:
    id: str
    name: str
    exchanges_with: AbstractSet[str] = frozenset()


class Member(Part):
    """A member with enrolments, as the coordinator reads them."""

    id: str
    institution: str
    external_id: str | None
    enrolments: tuple[Enrolment, ...]
    capacity: int
    topics_wanted: tuple[str, ...]
    topics_offered: tuple[str, ...]
    has_sign_in: bool

    @property
    def mentee_in(self) -> tuple[str, ...]:
        return self._programmes("mentee")

    @property
    def mentor_in(self) -> tuple[str, ...]:
        return self._programmes("mentor")

    def _programmes(self, role: Role) -> tuple[str, ...]:
        return tuple(enrolment.programme for enrolment in self.enrolments if role in enrolment.roles)


async def found(api: Api, institutions: Sequence[NewInstitution], programmes: Sequence[Programme]) -> None:
    operator = api.operator()

    async def institution(new: NewInstitution) -> None:
        await _unless_there(operator.post("profiles", "/institutions", {"id": new.id, "name": new.name}))

    async def exchange(new: NewInstitution) -> None:
        coordinator, path = api.coordinator(new.id), f"/institutions/{new.id}"
        current = await coordinator.get("profiles", path)
        if set(current.json()["exchanges_with"]) != new.exchanges_with:
            body = {"exchanges_with": sorted(new.exchanges_with)}
            await coordinator.patch("profiles", path, body, etag=current.headers["etag"])

    async def programme(new: Programme) -> None:
        body = {"id": new.id, "name": new.name, "admits": list(new.admits), "institution": new.institution}
        await _unless_there(operator.post("profiles", "/programmes", body))

    await for_each(institutions, institution)
    await for_each(institutions, exchange)
    await for_each(programmes, programme)


async def add_vocabulary(api: Api) -> None:
    """The first edition; terms that exist already stay as they are."""
    await api.operator().post("profiles", "/vocabulary/editions", {"terms": read_edition()})


async def members(api: Api, institution: str) -> list[Member]:
    views = await api.coordinator(institution).pages("profiles", "/members", status="active")
    return [Member.model_validate(view) for view in views if view["enrolments"]]


async def sign_in(
    api: Api,
    people: Iterable[Member],
    *,
    open_to_others: Collection[str] = (),
    advance: Callable[[], object] = lambda: None,
) -> None:
    """Each person accepts an invitation, unless they did before. Those whose external id is in `open_to_others` then
    agree to mentorships across institutions, which nobody can do for them.
    """

    async def accept(person: Member) -> None:
        if not person.has_sign_in:
            await bind(person)
        advance()

    async def bind(person: Member) -> None:
        invited = await api.coordinator(person.institution).post("profiles", f"/members/{person.id}/invitations")
        me = api.member(person.institution, person.id)
        bound = await me.post("profiles", "/invitations/accept", {"code": invited.json()["code"]})
        if person.external_id in open_to_others:
            await me.patch("profiles", "/me", {"across_institutions": True}, etag=bound.headers["etag"])

    await for_each(people, accept)


async def _unless_there(creation: Awaitable[httpx.Response]) -> None:
    try:
        await creation
    except Refused as refused:
        if refused.status != httpx.codes.CONFLICT:
            raise
