"""Founds institutions and programmes, takes rosters in, and binds sign-ins. A second time it changes nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from deploy.demo.api import Api, Json, for_each, unless_there
from deploy.demo.network import Programme


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """One institution's part of the network."""

    id: str
    name: str
    exchanges_with: tuple[str, ...] = ()


async def found(api: Api, institutions: Sequence[Founded], programmes: Sequence[Programme]) -> None:
    operator = api.operator()

    async def institution(one: Founded) -> None:
        await unless_there(operator.post("profiles", "/institutions", {"id": one.id, "name": one.name}))

    async def exchange(one: Founded) -> None:
        seen = await api.coordinator(one.id).get("profiles", f"/institutions/{one.id}")
        if set(seen.json()["exchanges_with"]) != set(one.exchanges_with):
            body = {"exchanges_with": list(one.exchanges_with)}
            path = f"/institutions/{one.id}"
            await api.coordinator(one.id).patch("profiles", path, body, etag=seen.headers["etag"])

    async def programme(one: Programme) -> None:
        body = {"id": one.id, "name": one.name, "admits": list(one.admits), "institution": one.institution}
        await unless_there(operator.post("profiles", "/programmes", body))

    await for_each(institutions, institution)
    await for_each(institutions, exchange)
    await for_each(programmes, programme)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A member as the demo goes on with them."""

    id: str
    institution: str
    external_id: str | None
    mentee_in: tuple[str, ...]
    mentor_in: tuple[str, ...]
    capacity: int
    topics_wanted: tuple[str, ...]
    topics_offered: tuple[str, ...]
    has_sign_in: bool

    @classmethod
    def of(cls, view: Json) -> "Enrolled":
        def where(role: str) -> tuple[str, ...]:
            return tuple(one["programme"] for one in view["enrolments"] if role in one["roles"])

        return cls(
            id=view["id"],
            institution=view["institution"],
            external_id=view["external_id"],
            mentee_in=where("mentee"),
            mentor_in=where("mentor"),
            capacity=view["capacity"],
            topics_wanted=tuple(view["topics_wanted"]),
            topics_offered=tuple(view["topics_offered"]),
            has_sign_in=view["has_sign_in"],
        )


async def members(api: Api, institution: str) -> list[Enrolled]:
    views = await api.coordinator(institution).pages("profiles", "/members", status="active")
    return [Enrolled.of(view) for view in views if view["enrolments"]]


async def sign_in(
    api: Api,
    people: Iterable[Enrolled],
    *,
    willing: frozenset[str] = frozenset(),
    done: Callable[[], None] = lambda: None,
) -> None:
    """Each accepts an invitation, unless they did before; those whose external id is among the willing then say for
    themselves that other institutions' people are welcome: nobody else may.
    """

    async def one(person: Enrolled) -> None:
        if person.has_sign_in:
            return
        invited = await api.coordinator(person.institution).post("profiles", f"/members/{person.id}/invitations")
        me = api.member(person.institution, person.id)
        bound = await me.post("profiles", "/invitations/accept", {"code": invited.json()["code"]})
        if person.external_id in willing:
            await me.patch("profiles", "/me", {"across_institutions": True}, etag=bound.headers["etag"])

    await for_each(people, one, done=done)
