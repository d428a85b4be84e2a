"""The printable page of a version."""

from collections.abc import Mapping

from fastapi.responses import HTMLResponse

from services.mentorships.agreements.domain.clauses import CLAUSES, ClauseName, Language
from services.mentorships.agreements.usecases.agreements import Printout
from services.mentorships.kernel.printing import Printing

_CLAUSES: Mapping[Language, Mapping[ClauseName, str]] = {
    "en": {
        "goals": "Goals",
        "meetings": "How often and how we meet",
        "confidentiality": "Confidentiality and its limits",
        "ending": "How it ends",
        "disputes": "Who helps in a dispute",
        "review": "When we look at this again",
        "principles": "The mentor's principles",
    },
    "de": {
        "goals": "Ziele",
        "meetings": "Wie oft und wie wir uns treffen",
        "confidentiality": "Vertraulichkeit und ihre Grenzen",
        "ending": "Wie es endet",
        "disputes": "Wer im Streitfall hilft",
        "review": "Wann wir wieder darauf schauen",
        "principles": "Grundsätze der Mentorin oder des Mentors",
    },
}


class AgreementPage:
    def __init__(self) -> None:
        self._printing = Printing("services.mentorships.agreements.api")

    def response(self, printout: Printout, *, language: Language | None) -> HTMLResponse:
        version, clauses = printout.written.version, printout.written.clauses
        shown = language or version.language
        names = _CLAUSES[shown]
        return self._printing.page(
            language=shown,
            written_in=version.language,
            printout=printout,
            version=version,
            clauses=[(names[name], clauses[name].text) for name in CLAUSES if name in clauses],
        )
