"""Wires erasure and export. Contacts are applied here, because their tombstones erase what every slice keeps."""

from services.notifications.deliveries.repository.deliveries import MongoDeliveryRepository
from services.notifications.inbox.usecases.live import InboxListeners
from services.notifications.inbox.wiring import build_inbox
from services.notifications.preferences.repository import MongoPreferencesRepository
from services.notifications.privacy.api import export_router
from services.notifications.privacy.repository import MongoErasureRepository
from services.notifications.privacy.usecases import Export
from services.notifications.projections.repository import MongoContactRepository
from services.notifications.projections.usecases import Readers
from shared.bootstrap import ServiceDependencies
from shared.contracts.profiles import ContactChanged, InstitutionChanged, MemberErased, ProgrammeChanged
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    erasures = MongoErasureRepository(dependencies.database)
    contacts = MongoContactRepository(dependencies.database)
    # One registration: the projections of a service are one consumer.
    dependencies.consumers.projection(
        {
            ContactChanged: erasures.fold_contacts,
            MemberErased: lambda received: erasures.fold_erasures(received, now=dependencies.clock.now()),
            InstitutionChanged: contacts.fold_institutions,
            ProgrammeChanged: contacts.fold_programmes,
        }
    )
    export = Export(
        Readers(contacts),
        contacts,
        build_inbox(dependencies, InboxListeners()),
        MongoPreferencesRepository(dependencies.database),
        MongoDeliveryRepository(dependencies.database),
    )
    return Slice(prepare=[erasures.prepare], routers=[export_router(export)])
