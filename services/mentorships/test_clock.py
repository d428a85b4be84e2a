"""`PUT /test-clock`: an operator of a development network moves the service's clock ahead, to see what months bring.

One process only, and what it wrote stays: a network of people refuses the setting.
"""

from datetime import timedelta

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from shared.clock import AdjustableClock
from shared.http import SignedIn, problems, router


class Ahead(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"hours": 720}})

    hours: int = Field(ge=0, le=10 * 366 * 24, description="Ahead of the time of day; 0 sets it right")


def test_clock_router(clock: AdjustableClock) -> APIRouter:
    routes = router(tags=["development"])

    @routes.put("/test-clock", status_code=204, responses=problems(403))
    async def move_clock(ahead: Ahead, me: SignedIn) -> None:
        """By an operator. What became due is done within a few seconds."""
        me.require("operator")
        clock.ahead = timedelta(hours=ahead.hours)

    return routes
