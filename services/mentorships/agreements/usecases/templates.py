"""A programme's template of agreements: read by its members, set by a coordinator of the owner."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from services.mentorships.agreements.domain import templates
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.kernel.access import require_coordinator
from services.mentorships.projections.domain import Programme
from shared.errors import Forbidden, NotFound, VersionMismatch
from shared.principal import Principal
from shared.retries import retried_when_stale

Decide = Callable[[AgreementTemplate], AgreementTemplate]


class TemplateRepository(Protocol):
    async def programme(self, id: str) -> Programme | None: ...

    async def find(self, programme: Programme) -> AgreementTemplate:
        """The service's own where the programme has set nothing."""

    async def change(self, programme: Programme, decide: Decide) -> AgreementTemplate:
        """Raises `StaleVersion` after a concurrent change."""


class Templates:
    def __init__(self, repository: TemplateRepository) -> None:
        self._repository = repository

    async def see(self, me: Principal, id: str) -> AgreementTemplate:
        programme = await self._repository.programme(id)
        if programme is None or me.home not in programme.admits:
            raise NotFound("programme_not_found", "there is no programme with this id")
        return await self._repository.find(programme)

    async def change(self, me: Principal, id: str, wanted: AgreementTemplate, *, expected: int) -> AgreementTemplate:
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        assert programme is not None  # noqa: S101 -- checked by the line above
        if me.home != programme.institution:
            raise Forbidden("owner_only", "only a coordinator of the institution that owns the programme can set this")
        owned = replace(wanted, institution=programme.institution)

        def decide(template: AgreementTemplate) -> AgreementTemplate:
            if template.version != expected:
                raise VersionMismatch(found=template.version, expected=expected)
            return templates.change(template, owned)

        return await retried_when_stale(self._repository.change)(programme, decide)
