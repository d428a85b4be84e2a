"""Notifications and mails of one published round, planned from matching's events by the service's own consumer."""

from datetime import timedelta

from bench.figures import Figure
from bench.plumbing import consumed, produce
from bench.site import BenchmarkContext
from services.notifications.deliveries.repository.deliveries import MongoDeliveryRepository
from services.notifications.deliveries.repository.documents import DELIVERIES
from services.notifications.inbox.repository.inbox import MongoInboxRepository
from services.notifications.notifying.handlers import Reactions
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import Notifier
from services.notifications.privacy.repository import MongoErasureRepository
from services.notifications.projections.repository import MongoContactRepository
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import RelationshipOpened
from shared.contracts.payload import Recipient
from shared.contracts.profiles import ContactChanged

_PAIRS = 5_000
_MONTH = timedelta(days=30)


async def planning(context: BenchmarkContext) -> list[Figure]:
    """Both people of each pair are notified and get a mail planned, at most one transaction a batch."""
    database = context.database("notifications", service="notifications")
    institution = f"planning-{context.clock.new_id()}"
    await MongoDeliveryRepository(database).prepare(kept=_MONTH)
    await MongoInboxRepository(database).prepare(read_kept=_MONTH)
    await MongoContactRepository(database).prepare()
    contacts = MongoErasureRepository(database)
    await contacts.prepare()
    people = [Recipient(member=f"{side}-{n:05}", institution=institution) for n in range(_PAIRS) for side in "ab"]
    await contacts.fold_contacts([_received(context, _contact(person)) for person in people])
    opened = [
        RelationshipOpened(
            relationship=f"pair-{n:05}",
            programme="residency",
            mentee=mentee,
            mentor=mentor,
            round="round",
            recipients=(mentee, mentor),
        )
        for n, (mentee, mentor) in enumerate(zip(people[::2], people[1::2], strict=True))
    ]
    await produce(context, opened, institution)
    reactions = Reactions(Notifier(context.clock, has_mail_server=True), MongoNotificationRepository)
    rate = await consumed(
        context,
        database,
        lambda consumers: consumers.reaction({RelationshipOpened: reactions.on_event}, together=reactions.on_events),
        into=DELIVERIES,
        records=2 * _PAIRS,
    )
    return [
        Figure(
            name="10,000 notifications of a round, with their mails planned",
            value=2 * _PAIRS / rate,
            unit="s",
            bar=20,
            note=f"{_PAIRS:,} pairs; {rate:,.0f} a second; one process",
        )
    ]


def _contact(person: Recipient) -> ContactChanged:
    return ContactChanged(
        member=person.member,
        institution=person.institution,
        name=person.member,
        email=f"{person.member}@bench.example",
    )


def _received(context: BenchmarkContext, payload: ContactChanged) -> Received:
    envelope = Envelope(
        id=context.clock.new_id(),
        type=payload.TYPE,
        institution=payload.institution,
        subject=payload.aggregate,
        sequence=1,
        time=context.clock.now(),
        trace=Trace(correlation_id="bench"),
    )
    return Received(envelope, payload)
