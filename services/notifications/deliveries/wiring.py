"""Wires deliveries: a member's routes, the intake of reports, the leased worker that sends, and what it measures."""

from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.notifications.deliveries.api import deliveries_router, unsubscribe_router
from services.notifications.deliveries.domain.deliveries import Decision
from services.notifications.deliveries.mail.composing import Composer
from services.notifications.deliveries.mail.smtp import SmtpMailer
from services.notifications.deliveries.mail.tokens import UnsubscribeTokens
from services.notifications.deliveries.repository.deliveries import MongoDeliveryRepository
from services.notifications.deliveries.repository.queue import MongoDeliveryQueue
from services.notifications.deliveries.usecases import Deliveries
from services.notifications.deliveries.worker import MailWorker, Pace
from services.notifications.preferences.wiring import build_preferences
from services.notifications.projections.repository import MongoContactRepository
from services.notifications.projections.usecases import Readers
from services.notifications.settings import NotificationsSettings
from services.notifications.wording import Wording
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work, while_leased

_MEASURED_EVERY_SECONDS = 15


class MailMeasures:
    """Decisions by state and reason code, and the age of the oldest overdue mail. Labels are names from the code."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "preceptor_mail_decisions", "Decisions about mails", ["state", "reason"], registry=registry
        )
        self._overdue = Gauge(
            "preceptor_mail_overdue_seconds",
            "Age of the oldest mail that is due, without mails that many people get at once",
            registry=registry,
        )

    def decided(self, decision: Decision) -> None:
        self._decisions.labels(decision.state, decision.reason).inc()

    def waits(self, first_due: datetime | None, now: datetime) -> None:
        self._overdue.set(max(0.0, (now - first_due).total_seconds()) if first_due else 0.0)


def build(dependencies: ServiceDependencies, settings: NotificationsSettings) -> Slice:
    repository = MongoDeliveryRepository(dependencies.database)
    readers = Readers(MongoContactRepository(dependencies.database))
    routers = [deliveries_router(Deliveries(repository, readers, dependencies.clock))]

    async def prepare() -> None:
        await repository.prepare(kept=timedelta(days=settings.delivery_kept_days))

    if settings.unsubscribe_key is None:
        return Slice(prepare=[prepare], routers=routers)
    tokens = UnsubscribeTokens(settings.unsubscribe_key.get_secret_value())
    routers.append(unsubscribe_router(build_preferences(dependencies), tokens))
    work = _mail(dependencies, settings, tokens) if settings.sends_mail else {}
    return Slice(prepare=[prepare], routers=routers, work=work)


def _mail(
    dependencies: ServiceDependencies, settings: NotificationsSettings, tokens: UnsubscribeTokens
) -> dict[str, Work]:
    composer = Composer(
        sender=settings.sender,
        web_url=settings.web_url,
        public_url=settings.public_url,
        tokens=tokens,
        invitation_key=settings.invitation_key.get_secret_value() if settings.invitation_key else "",
    )
    lease, mailer = dependencies.lease("mail", seconds=30), SmtpMailer(settings)
    queue, measures = MongoDeliveryQueue(dependencies.database, Wording()), MailMeasures(dependencies.metrics.registry)
    mails_at_once = settings.mail_per_minute / 60 / settings.smtp_connections + 1
    worker = MailWorker(
        queue,
        composer,
        mailer,
        lease,
        Pace(settings.mail_per_minute, dependencies.clock),
        dependencies.clock,
        measures,
        claimed_for=timedelta(seconds=10 + 3 * settings.smtp_timeout_seconds * mails_at_once),
    )
    send = while_leased(lease, worker.work, seconds=0.25)

    async def run() -> None:
        try:
            await send()
        finally:
            await mailer.close()

    async def measure() -> None:
        measures.waits(await queue.first_due(), dependencies.clock.now())

    return {
        "mail": Work(role="clockwork", run=run),
        "overdue": Work(role="clockwork", run=lambda: every(_MEASURED_EVERY_SECONDS, measure)),
    }
