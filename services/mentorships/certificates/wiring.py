"""Wires hours and certificates, and the key that signs them."""

from services.mentorships.certificates.api import certificates_router
from services.mentorships.certificates.repository import MongoHours
from services.mentorships.certificates.signing import Signer, new_key
from services.mentorships.certificates.usecases import Certificates
from services.mentorships.settings import MentorshipsSettings
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies, settings: MentorshipsSettings) -> Slice:
    signer = Signer(settings.signing_key or new_key(), issuer=settings.address)
    certificates = Certificates(MongoHours(dependencies.database, dependencies.clock))
    return Slice(routers=[certificates_router(certificates, signer)])
