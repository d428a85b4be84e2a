"""Refusals of bodies and queries are in our words, whichever of pydantic's errors they come from."""

from datetime import date
from typing import Annotated, Any

import pytest
from fastapi import UploadFile
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from shared.contracts.payload import Id, Slug
from shared.refusals import worded


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda error: str(error["type"]))
def test_no_message_of_pydantic_leaves_the_service(error: Any) -> None:
    text = worded({"type": error["type"], "msg": "pydantic says", "ctx": error["example_context"] or {}})
    assert "pydantic says" not in text
    assert "Input should" not in text
    assert "{" not in text.replace('{"name": "value"}', "")


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (date, "last year", "must be a date like 2026-12-01"),
        (UploadFile, "text", "must be a file"),
        (int, "four", "must be a whole number like 4"),
        (Annotated[int, Field(le=50)], 51, "must be at most 50"),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "must have at most 2 entries"),
        (Id, "a:b", "must be letters, digits, dots, dashes and underscores, like st-anna.residency"),
        (Slug, "Internal Medicine", "must be lower-case words joined by single dashes, like internal-medicine"),
    ],
)
def test_a_refusal_names_what_would_be_right(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    [error] = refused.value.errors()
    assert worded(error) == message
