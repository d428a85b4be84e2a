"""A person's choice of mail, and an institution's policy, over HTTP."""

from collections.abc import Sequence
from datetime import time
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.notifications.preferences.domain.choices import (
    Category,
    ChoiceReason,
    Frequency,
    Policy,
    PolicyRule,
    Preferences,
)
from services.notifications.preferences.domain.times import DigestTime, QuietHours
from services.notifications.preferences.usecases import Chosen, PreferencesUseCases, Stored
from shared import http
from shared.http import ExpectedVersion, SignedIn, etag

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: Sequence[Weekday] = get_args(Weekday)
WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""Hours and minutes in the person's own time zone."""


class QuietHoursBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    begins: WallTime = Field(examples=["21:00"])
    ends: WallTime = Field(examples=["07:00"], description="On the next day if it is earlier than `begins`")


def _not_empty(hours: QuietHoursBody) -> QuietHoursBody:
    if hours.begins == hours.ends:
        raise PydanticCustomError("quiet_hours", "`begins` and `ends` must differ; leave quiet hours out for none")
    return hours


class DigestBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: WallTime = "08:00"
    weekday: Weekday = Field(default="mon", description="Of weekly digests")


class PreferencesBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "email": {"lists": "weekly", "rounds": "off"},
                "quiet_hours": {"begins": "21:00", "ends": "07:00"},
                "digest": {"at": "08:00", "weekday": "mon"},
            }
        },
    )

    email: dict[Category, Frequency] = Field(
        default_factory=dict, description="By category; those of `account` are always sent at once"
    )
    email_otherwise: Frequency | None = Field(
        default=None, description="For categories that are not in `email`; null: each category's default"
    )
    quiet_hours: Annotated[QuietHoursBody, AfterValidator(_not_empty)] | None = None
    digest: DigestBody = DigestBody()

    def to_domain(self) -> Preferences:
        quiet = self.quiet_hours
        return Preferences(
            email=self.email,
            email_otherwise=self.email_otherwise,
            quiet_hours=QuietHours(begins=_time(quiet.begins), ends=_time(quiet.ends)) if quiet else None,
            digest=DigestTime(at=_time(self.digest.at), weekday=_WEEKDAYS.index(self.digest.weekday)),
        )


class InEffect(BaseModel):
    frequency: Frequency
    reason: ChoiceReason = Field(description="Which rule decided: docs/mail.md")


class PreferencesRead(PreferencesBody):
    version: int
    in_effect: dict[Category, InEffect] = Field(description="What follows, with defaults and the institution's policy")


class PolicyBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"email": {"requests": "required"}}})

    email: dict[Category, PolicyRule] = Field(
        default_factory=dict, description="By category: `required` whatever a person chooses, or `off` for everybody"
    )


class PolicyRead(PolicyBody):
    version: int


def preferences_router(use_cases: PreferencesUseCases) -> APIRouter:
    router = http.router(tags=["preferences"])

    @router.get("/me/notification-preferences")
    async def see_preferences(me: SignedIn, response: Response) -> PreferencesRead:
        """Version 0 until the first change: what is shown then are the defaults."""
        return _preferences_read(await use_cases.mine(me), response)

    @router.put("/me/notification-preferences", responses=http.problems(412))
    async def change_preferences(
        body: PreferencesBody, me: SignedIn, if_match: ExpectedVersion, response: Response
    ) -> PreferencesRead:
        """Replaces all preferences. Planned mail keeps its due time, and is not sent if its category is now off."""
        return _preferences_read(await use_cases.change(me, body.to_domain(), expected=if_match), response)

    @router.get("/notification-policy")
    async def see_policy(me: SignedIn, response: Response) -> PolicyRead:
        """By a coordinator of the whole institution."""
        return _policy_read(await use_cases.policy(me), response)

    @router.put("/notification-policy", responses=http.problems(412))
    async def change_policy(
        body: PolicyBody, me: SignedIn, if_match: ExpectedVersion, response: Response
    ) -> PolicyRead:
        """By a coordinator of the whole institution. It takes precedence over what members choose."""
        return _policy_read(await use_cases.change_policy(me, Policy(email=body.email), expected=if_match), response)

    return router


def _preferences_read(chosen: Chosen, response: Response) -> PreferencesRead:
    response.headers["etag"] = etag(chosen.stored.version)
    in_effect = {
        category: InEffect(frequency=choice.frequency, reason=choice.reason)
        for category, choice in chosen.in_effect.items()
    }
    body = preferences_body(chosen.stored.state)
    return PreferencesRead(**body.model_dump(), version=chosen.stored.version, in_effect=in_effect)


def preferences_body(preferences: Preferences) -> PreferencesBody:
    quiet, digest = preferences.quiet_hours, preferences.digest
    return PreferencesBody(
        email=dict(preferences.email),
        email_otherwise=preferences.email_otherwise,
        quiet_hours=QuietHoursBody(begins=_text(quiet.begins), ends=_text(quiet.ends)) if quiet else None,
        digest=DigestBody(at=_text(digest.at), weekday=_WEEKDAYS[digest.weekday]),
    )


def _policy_read(found: Stored[Policy], response: Response) -> PolicyRead:
    response.headers["etag"] = etag(found.version)
    return PolicyRead(email=dict(found.state.email), version=found.version)


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _text(moment: time) -> str:
    return moment.strftime("%H:%M")
