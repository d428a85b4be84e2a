from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from services.notifications.deliveries.api import DeliveryRead, delivery_read
from services.notifications.inbox.api import NotificationRead, notification_read
from services.notifications.preferences.api import PreferencesBody, preferences_body
from services.notifications.privacy.usecases import Export
from shared import http
from shared.http import SignedIn


class Exported(BaseModel):
    contact: Mapping[str, str | None]
    inbox: list[NotificationRead] = Field(description="All of it, the oldest first")
    position: int
    preferences: PreferencesBody
    deliveries: list[DeliveryRead] = Field(description="All of them, the newest first")
    suppression: Mapping[str, Any] | None = Field(description="Why the address gets no mail, or may soon get none")


def export_router(export: Export) -> APIRouter:
    router = http.router(tags=["me"])

    @router.get("/me/export")
    async def exported(me: SignedIn, response: Response) -> Exported:
        """Everything that this service holds about the person (GDPR, articles 15 and 20): one of three parts."""
        response.headers["content-disposition"] = 'attachment; filename="preceptor-notifications.json"'
        held = await export.mine(me)
        return Exported(
            contact=held.contact,
            inbox=[notification_read(entry) for entry in held.entries],
            position=held.position,
            preferences=preferences_body(held.preferences),
            deliveries=[delivery_read(delivery, held.reader.locale) for delivery in held.deliveries],
            suppression=held.suppression,
        )

    return router
