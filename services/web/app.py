"""Composition root: everything of web is built here and passed in."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from fastapi import APIRouter, FastAPI
from prometheus_client import start_http_server
from starlette.middleware.errors import ServerErrorMiddleware

from services.web.clients import transport
from services.web.coordinator.files import files_router
from services.web.coordinator.hearers import hearers_router
from services.web.coordinator.invitations import invitations_router
from services.web.coordinator.members import members_router
from services.web.coordinator.pairs import pairs_router
from services.web.coordinator.programmes import programmes_router
from services.web.coordinator.rosters import rosters_router
from services.web.coordinator.rounds import rounds_router
from services.web.coordinator.simulations import simulations_router
from services.web.coordinator.vocabulary import vocabulary_router
from services.web.flash.api import flash_router
from services.web.home.api import home_router, static_router
from services.web.inbox.api import inbox_router
from services.web.languages import Languages
from services.web.mentee.api import mentee_router
from services.web.mentee.directory import directory_router
from services.web.mentor.api import mentor_router
from services.web.mentorships.agreement import agreement_router
from services.web.mentorships.api import mentorships_router
from services.web.mentorships.asking import asking_router
from services.web.mentorships.calendar import calendar_router
from services.web.mentorships.check_ins import check_ins_router
from services.web.mentorships.goals import goals_router
from services.web.mentorships.groups import groups_router
from services.web.mentorships.guides import guides_router
from services.web.mentorships.hours import hours_router
from services.web.mentorships.meetings import meetings_router
from services.web.mentorships.messages import messages_router
from services.web.mentorships.steps import steps_router
from services.web.mentorships.support import support_router
from services.web.my_data.api import my_data_router
from services.web.operator.api import operator_router
from services.web.operator.terms import terms_router
from services.web.outreach.api import outreach_router
from services.web.pages.headers import SecurityHeaders
from services.web.pages.problems import answer_fault, answer_problems
from services.web.pages.rendering import Templates
from services.web.pages.visits import Web
from services.web.preferences.api import preferences_router
from services.web.profile.api import profile_router
from services.web.profile.weights import weights_router
from services.web.session.providers import Providers
from services.web.session.repository import SessionRepository
from services.web.session.sessions import Sessions
from services.web.settings import WebSettings
from services.web.sign_in.api import sign_in_router
from shared import mongo, store_check
from shared.auth import Authenticator
from shared.clock import Clock, SystemClock
from shared.http import Observed, health
from shared.mongo import Database
from shared.service import Service, run
from shared.telemetry import Metrics, configure_logs

NAME = "web"


def main() -> None:
    settings = WebSettings.from_environment()
    configure_logs(NAME, level=settings.log_level)
    asyncio.run(_run(settings, SystemClock()))


async def _run(settings: WebSettings, clock: Clock) -> None:
    await run(build(settings, clock), clock)


def build(settings: WebSettings, clock: Clock) -> Service:
    """Call it inside a running event loop."""
    database = mongo.connect(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    sessions = SessionRepository(
        database,
        clock,
        idle=timedelta(minutes=settings.session_idle_minutes),
        lifetime=timedelta(hours=settings.session_hours),
    )
    metrics = Metrics()
    web = _web(settings, clock, sessions, metrics)
    scraped = AsyncExitStack()

    async def prepare() -> None:
        try:
            await store_check.check(database, probe=clock.new_id())
        except store_check.Unsuitable as reason:
            raise SystemExit(f"cannot start: {NAME.upper()}_MONGO_URI: {reason}") from None
        await sessions.prepare()
        if settings.metrics_port is not None:
            server, _ = start_http_server(settings.metrics_port, addr=settings.http_host, registry=metrics.registry)
            scraped.callback(server.shutdown)

    async def close() -> None:
        await scraped.aclose()
        await web.client.aclose()
        await web.streams.aclose()
        database.client.close()

    return Service(
        name=NAME,
        app=_app(web, database, clock, metrics),
        host=settings.http_host,
        port=settings.http_port,
        prepare=prepare,
        close=close,
    )


def _web(settings: WebSettings, clock: Clock, sessions: SessionRepository, metrics: Metrics) -> Web:
    providers = Providers(settings.providers, clock, public_address=settings.public_address)
    return Web(
        clock=clock,
        sessions=Sessions(sessions, providers, clock, secure=settings.is_secure),
        templates=Templates(Languages()),
        authenticator=Authenticator(settings.issuers, clock, metrics),
        client=transport.connect(seconds=settings.service_seconds),
        streams=transport.connect_streams(),
        addresses={
            "profiles": settings.profiles_url,
            "matching": settings.matching_url,
            "notifications": settings.notifications_url,
            "mentorships": settings.mentorships_url,
        },
        public_address=settings.public_address,
    )


def page_routers() -> list[APIRouter]:
    return [
        home_router(),
        static_router(),
        sign_in_router(),
        mentee_router(),
        directory_router(),
        mentor_router(),
        mentorships_router(),
        steps_router(),
        agreement_router(),
        goals_router(),
        messages_router(),
        meetings_router(),
        check_ins_router(),
        guides_router(),
        calendar_router(),
        hours_router(),
        groups_router(),
        flash_router(),
        outreach_router(),
        support_router(),
        asking_router(),
        inbox_router(),
        profile_router(),
        weights_router(),
        preferences_router(),
        my_data_router(),
        programmes_router(),
        files_router(),
        pairs_router(),
        hearers_router(),
        invitations_router(),
        members_router(),
        vocabulary_router(),
        rosters_router(),
        rounds_router(),
        simulations_router(),
        operator_router(),
        terms_router(),
    ]


def _app(web: Web, database: Database, clock: Clock, metrics: Metrics) -> FastAPI:
    app = FastAPI(title="Preceptor", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.web = web

    async def ready() -> dict[str, str]:
        """Unavailable dependencies by name. No service is among them: a page says itself what does not answer."""
        try:
            wrong = store_check.shortcoming(await mongo.hello(database, seconds=2))
        except mongo.PyMongoError:
            wrong = "cannot be reached"
        return {"store": wrong} if wrong else {}

    for router in (*page_routers(), health(ready, dict)):
        app.include_router(router)
    answer_problems(app)
    app.add_middleware(ServerErrorMiddleware, handler=answer_fault)
    app.add_middleware(SecurityHeaders, secure=web.public_address.startswith("https://"))
    app.add_middleware(Observed, clock=clock, metrics=metrics)
    return app
