"""A programme's template of agreements. A programme that has set nothing has the service's own, in each language."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.mentorships.agreements.domain.clauses import LANGUAGES, Language, Texts
from services.mentorships.agreements.domain.default_texts import DEFAULT_TEXTS

DEFAULT_INTERVAL_DAYS = 30
DEFAULT_LENGTH_MONTHS = 12
DEFAULT_REVIEW_MONTHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template in one language: what a first version is drafted from."""

    language: Language
    texts: Texts
    interval_days: int
    length_months: int
    review_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementTemplate:
    programme: str
    institution: str
    """The programme's owner."""
    version: int = 0
    """0 while the programme has set nothing."""
    interval_days: int = DEFAULT_INTERVAL_DAYS
    length_months: int = DEFAULT_LENGTH_MONTHS
    review_months: int = DEFAULT_REVIEW_MONTHS
    texts: Mapping[Language, Texts] = field(default_factory=lambda: DEFAULT_TEXTS)
    """In at least one language, without `principles`: those are a mentor's own."""

    def translated(self, wanted: str) -> Template:
        """In the wanted language (a locale such as `de-AT`), or in the first that there is."""
        language = wanted.replace("_", "-").split("-")[0].lower()
        available = [known for known in LANGUAGES if known in self.texts]
        chosen = next((known for known in available if known == language), available[0])
        return Template(
            language=chosen,
            texts=self.texts[chosen],
            interval_days=self.interval_days,
            length_months=self.length_months,
            review_months=self.review_months,
        )


def change(template: AgreementTemplate, wanted: AgreementTemplate) -> AgreementTemplate:
    """`wanted` as the next version; the same content changes nothing."""
    if template.version and replace(wanted, version=template.version) == template:
        return template
    return replace(wanted, version=template.version + 1)
