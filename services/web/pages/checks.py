"""Forms with errors at their fields, found by a page or by a service."""

from services.web.clients.transport import Refused
from services.web.pages.forms import Form
from services.web.pages.visits import SignedInVisit
from services.web.refusals import REFUSALS


def refused_form(visit: SignedInVisit, form: Form, refused: Refused) -> Form:
    """With the errors of a service at the form's fields; those that the pages know in the reader's language."""
    errors: dict[str, str] = {}
    others: list[str] = []
    for place, text in refused.errors.items():
        field = next((name for name in reversed(place.split(".")) if name in form.values), "")
        known = REFUSALS.get(f"{refused.code}.{field}")
        shown = visit.language.text(known) if known else text
        if field:
            errors[field] = shown
        else:
            others.append(f"{place}: {text}")
    return form.with_errors(errors, *(others or ([] if errors else [visit.refusal(refused)])))


def status_of(form: Form) -> int:
    return 422 if form.errors or form.problems else 200


def missing(visit: SignedInVisit, form: Form, **codes: str) -> Form:
    """With an error at each of these fields that is empty. `codes`: of the text, by field."""
    wrong = {name: visit.language.refusal(code) for name, code in codes.items() if not form.text(name).strip()}
    return form.with_errors({**form.errors, **wrong}, *form.problems)
