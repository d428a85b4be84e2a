"""Validation messages: for each of pydantic's error types a sentence that says what would be right.

No sentence repeats the value. `tests/unit/test_refusals.py` covers every error type of pydantic.
"""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core import core_schema

_WHOLE = "must be a whole number like 4"
_NUMBER = "must be a number like 4 or 0.5"
_DATE = "must be a date like 2026-12-01"
_MOMENT = "must be a date and time with its zone like 2026-12-01T09:30:00Z"
_TEXT = "must be text"
_LIST = 'must be a list like ["a", "b"]'
_OBJECT = 'must be an object like {{"name": "value"}}'
_FORMS: Mapping[str, str] = {
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits, dots, dashes and underscores, like st-anna.residency",
    "^[a-z0-9]+(?:[-_][a-z0-9]+)*$": "lower-case words joined by single dashes, like internal-medicine",
    "^[0-9a-f]{64}$": "64 hexadecimal digits",
}
"""Descriptions of the patterns of our types. The OpenAPI document shows other patterns."""
_SENTENCES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is unknown here: leave it out, or check how it is spelled",
    "json_invalid": "must be JSON",
    "string_type": _TEXT,
    "string_unicode": "must be text in UTF-8",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must be {form}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "timezone_aware": _MOMENT,
    "timezone_naive": "must be a date and time without a zone like 2026-12-01T09:30:00",
    "value_error": "{error}",
    "assertion_error": "{error}",
} | {
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _DATE),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_object_invalid"), _MOMENT),
    **dict.fromkeys(("datetime_from_date_parsing",), _MOMENT),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), _LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), _OBJECT),
}
_OTHERWISE = "is not of the form that this field takes: see the OpenAPI document"


_PYDANTIC_TYPES = frozenset(get_args(core_schema.ErrorType))


def worded(error: Mapping[str, Any]) -> str:
    """The message of a validation error; our own error types bring their message."""
    if error["type"] not in _PYDANTIC_TYPES:
        return str(error["msg"])
    context = {name: str(value) for name, value in error.get("ctx", {}).items()}
    if context.get("error", "").startswith("Expected UploadFile"):  # FastAPI's, of a form's text where a file belongs
        return "must be a file"
    context["form"] = _FORMS.get(context.get("pattern", ""), "of the form that the OpenAPI document shows")
    return _SENTENCES.get(error["type"], _OTHERWISE).format_map(context)
