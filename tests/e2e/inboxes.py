"""What a member finds in their inbox, once it has arrived."""

from collections.abc import Awaitable, Callable

import httpx

from deploy.demo.api import Api, Json, Refused, until
from deploy.demo.founding import Enrolled
from shared.clock import SystemClock

WITHIN = 30


async def told(api: Api, who: Enrolled, template: str) -> Json:
    async def newest() -> Json | None:
        inbox = await when_known(lambda: api.member(who.institution, who.id).get("notifications", "/inbox"))
        return next((one for one in inbox.json()["items"] if one["template"] == template), None)

    return await until(newest, clock=SystemClock(), within=WITHIN, missing=f"{template} in the inbox")


async def when_known(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """A sign-in bound just now takes a moment to arrive at each service."""

    async def once() -> httpx.Response | None:
        try:
            return await ask()
        except Refused as refused:
            if refused.status in {403, 404}:
                return None
            raise

    return await until(once, clock=SystemClock(), within=WITHIN, missing="a service that knows the sign-in")
