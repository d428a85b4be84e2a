"""The identifiers by which an institution names its members, staff number and e-mail address, and their digests.

Matching receives the digests only: it normalizes an identifier in a request, computes its digest as profiles does, and
finds the member. Staff numbers are compared exactly, e-mail addresses in lower case with an ASCII domain (IDNA).
"""

import hashlib
import re
import unicodedata
from typing import Annotated, Literal, get_args

import idna
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shared.text import Line, clean_line

IdentifierKind = Literal["external_id", "email"]
IDENTIFIER_KINDS: tuple[IdentifierKind, ...] = get_args(IdentifierKind)
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\.]+(\.[^\s@<>()\[\],;:\"\\.]+)+")


def _email(text: str) -> str:
    lowered = clean_line(text.lower())
    if not _EMAIL.fullmatch(lowered):
        raise PydanticCustomError("email", "must be an e-mail address like name@example.org")
    local, _, domain = lowered.rpartition("@")
    if domain.isascii():
        return lowered
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        raise PydanticCustomError("email", "must be an e-mail address like name@example.org") from None


Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_email)]
ExternalId = Annotated[Line, Field(min_length=1, max_length=128)]


def identifier_digest(*, institution: str, kind: IdentifierKind, value: str) -> str:
    """SHA-256, hexadecimal: equal only for equal values of the same kind in the same institution."""
    normal = unicodedata.normalize("NFC", value.strip())
    if kind == "email":
        normal = unicodedata.normalize("NFC", normal.lower())
    return hashlib.sha256(f"{len(institution)}:{institution}{kind}:{normal}".encode()).hexdigest()
