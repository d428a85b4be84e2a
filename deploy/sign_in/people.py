"""The people of the network, as its coordinators see them, for the page on which a browser picks one."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from deploy.api_client import Api, Caller, Refused, opened
from deploy.issuer import LocalIssuer
from deploy.sign_in.provider import Person
from shared.clock import SystemClock

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    name: str
    roles: tuple[str, ...]
    has_sign_in: bool


@dataclass(frozen=True, slots=True)
class Institution:
    id: str
    name: str
    members: Sequence[Member]


class People:
    """Of the network behind this address of profiles; none while it does not answer."""

    def __init__(self, issuer: LocalIssuer, profiles: str) -> None:
        self._issuer = issuer
        self._addresses = {"profiles": profiles}

    async def institutions(self, name: str = "") -> Sequence[Institution]:
        """With the first members of each; with a `name`, those whose names have words that begin like it."""
        async with opened(self._addresses, self._issuer, SystemClock()) as api:
            try:
                found = await api.operator().pages("profiles", "/institutions")
                return [Institution(each["id"], each["name"], await _members(api, each["id"], name)) for each in found]
            except (httpx.HTTPError, Refused):
                return []

    async def member(self, institution: str, id: str) -> Person:
        """Binds the sign-in to the member at the first time, as accepting an invitation does."""
        async with opened(self._addresses, self._issuer, SystemClock()) as api:
            coordinator, me = api.coordinator(institution), api.member(institution, id)
            member = (await coordinator.get("profiles", f"/members/{id}")).json()
            if not member["has_sign_in"]:
                await _bind(coordinator, me, id)
        return Person(subject=f"demo-{id}", institution=institution, roles=("member",))


async def _bind(coordinator: Caller, me: Caller, id: str) -> None:
    invited = await coordinator.post("profiles", f"/members/{id}/invitations")
    await me.post("profiles", "/invitations/accept", {"code": invited.json()["code"]})


async def _members(api: Api, institution: str, name: str) -> Sequence[Member]:
    query = {"status": "active", "limit": _SHOWN, **({"name": name} if name else {})}
    try:
        page = (await api.coordinator(institution).get("profiles", "/members", **query)).json()
    except Refused:  # the name is too short or too common
        return []
    return [
        Member(
            each["id"],
            each["name"],
            tuple(sorted({role for enrolment in each["enrolments"] for role in enrolment["roles"]})),
            each["has_sign_in"],
        )
        for each in page["items"]
    ]
