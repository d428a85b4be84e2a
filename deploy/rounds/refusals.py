"""Why a round's files cannot be used."""

from shared.errors import FieldError, Rejected

MOST_ERRORS = 20


def refused(file: str, *wrong: tuple[str, str], why: str = "nothing was matched") -> Rejected:
    errors = tuple(FieldError(place, message) for place, message in wrong[:MOST_ERRORS])
    more = len(wrong) - len(errors)
    rest = (FieldError("", f"{more} more kinds of error"),) if more > 0 else ()
    return Rejected("spreadsheet_refused", f"the {file} cannot be used: {why}", (*errors, *rest))
