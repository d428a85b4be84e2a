"""Waits for notifications in a member's inbox."""

from collections.abc import Awaitable, Callable

import httpx

from deploy.api_client import Api, Json, Refused, until
from deploy.demo.founding import Member
from shared.clock import SystemClock

WITHIN = 30


async def notification(api: Api, member: Member, template: str) -> Json:
    async def newest() -> Json | None:
        inbox = await when_known(lambda: api.member(member.institution, member.id).get("notifications", "/inbox"))
        return next((item for item in inbox.json()["items"] if item["template"] == template), None)

    return await until(newest, clock=SystemClock(), within=WITHIN, missing=f"{template} in the inbox")


async def when_known(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """A new sign-in takes a moment to reach each service."""

    async def read_inbox() -> httpx.Response | None:
        try:
            return await ask()
        except Refused as refused:
            if refused.status in {403, 404}:
                return None
            raise

    return await until(read_inbox, clock=SystemClock(), within=WITHIN, missing="a service that knows the sign-in")
