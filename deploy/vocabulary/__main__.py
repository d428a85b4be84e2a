"""Adds the terms of an edition that the network's vocabulary does not have yet.

    python -m deploy.vocabulary                # the first edition, deploy/vocabulary/first_edition.yaml
    python -m deploy.vocabulary my-terms.yaml  # a file of the same form

Reads the settings of profiles (`PROFILES_MONGO_URI`, …), in its container too, and is recorded in the audit. Terms that
exist already stay as they are, so a second run changes nothing. Profiles may be running, and publishes what was added.
"""

from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import ValidationError

from deploy.operators import end, record_in_audit, run_with_store, say
from deploy.vocabulary.edition import FIRST, read_edition
from services.profiles.vocabulary.api import NewTerm
from services.profiles.vocabulary.domain.terms import Term
from services.profiles.vocabulary.repository import MongoTermRepository
from services.profiles.vocabulary.usecases import VocabularyUseCases
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from shared.errors import Rejected
from shared.mongo import Database
from shared.principal import Principal

_OPERATOR = Principal(subject_hash="", institution=None, roles=frozenset({"operator"}))
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def add_edition(file: Annotated[Path, typer.Argument()] = FIRST) -> None:
    """Adds missing terms, all or none."""
    terms = _read(file)

    async def work(database: Database) -> int:
        await record_in_audit(database, "add vocabulary", terms=len(terms))
        repository = MongoTermRepository(database, SystemClock())
        await repository.prepare()
        trace = Trace(correlation_id=SystemClock().new_id())
        created = await VocabularyUseCases(repository).add_missing(_OPERATOR, terms, trace=trace)
        await record_in_audit(database, "add vocabulary done", created=created)
        return created

    try:
        created = run_with_store("profiles", work)
    except Rejected as refused:
        end("\n".join([str(refused), *(f"{error.field}: {error.message}" for error in refused.errors)]))
    say(f"{created} terms were added; {len(terms) - created} exist already and stay as they are")


def _read(file: Path) -> list[Term]:
    try:
        return [NewTerm.model_validate(term).to_term() for term in read_edition(file)]
    except (OSError, KeyError, TypeError, yaml.YAMLError, ValidationError) as wrong:
        end(f"{file} is no edition of the vocabulary, see deploy/vocabulary/first_edition.yaml: {wrong}")


if __name__ == "__main__":
    app()
