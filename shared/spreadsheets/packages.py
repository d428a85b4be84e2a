"""Opens the packed parts of a workbook such that reading one takes no more memory and time than its size allows.

Checked while a part is unpacked, before its parser has the text: it has no document type (so no entities are expanded,
which the format forbids anyway), is not UTF-16 (which no tag is found in), and has few tags from one row, or one shared
string, to the next: these are what is held in memory at once.
"""

import re
import zipfile
from types import TracebackType
from typing import IO, Any, Self

from shared.spreadsheets.verdicts import file_refused

MAX_COLUMNS = 500
MAX_UNPACKED = 100 << 20
_MAX_RATIO = 100
_SMALL = 10 << 20
"""Below this size any ratio is harmless."""
_MOST_TAGS = 100_000
"""In one row, in one shared string, or in a part without either. A row has at most 16,384 cells."""
_MOST_STRINGS = 500_000
_STRING = re.compile(rb"<(?:[\w.-]+:)?si[\s/>]")
_UNIT = re.compile(rb"<(?:[\w.-]+:)?(?:row|si)[\s/>]")
_DOCUMENT_TYPE = b"<!DOCTYPE"
_LONGEST_TAG_NAME = 64
DAMAGED = "is damaged, or not an .xlsx workbook: open it and save it again"


class Package(zipfile.ZipFile):
    """Raises `Rejected` for what is not a workbook, or unpacks to too much."""

    def __init__(self, file: IO[bytes]) -> None:
        file.seek(0)
        try:
            super().__init__(file)
        except zipfile.BadZipFile:
            raise file_refused(DAMAGED) from None
        self._refuse_bombs()

    def open(self, name: Any, mode: Any = "r", pwd: bytes | None = None, *, force_zip64: bool = False) -> Any:
        return _Part(super().open(name, mode, pwd, force_zip64=force_zip64))

    def _refuse_bombs(self) -> None:
        parts = self.infolist()
        if "xl/workbook.xml" not in {part.filename for part in parts}:
            raise file_refused("is not an .xlsx workbook: save it as .xlsx or as CSV UTF-8")
        unpacked, packed = sum(part.file_size for part in parts), max(1, sum(part.compress_size for part in parts))
        if unpacked > MAX_UNPACKED or (unpacked > _SMALL and unpacked > _MAX_RATIO * packed):
            raise file_refused(
                f"unpacks to {unpacked >> 20} MB: a workbook may have {MAX_UNPACKED >> 20} MB; save the sheet as CSV "
                "UTF-8"
            )


class _Part:
    """An unpacked part, as a stream that is checked."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._last = b""
        self._tags = 0
        self._strings = 0
        self._is_begun = False

    def read(self, size: int = -1) -> bytes:
        block = self._raw.read(size)
        if block:
            self._check(block)
        return block

    def close(self) -> None:
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _check(self, block: bytes) -> None:
        if not self._is_begun and (block.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in block[:2]):
            raise file_refused("has parts in UTF-16: open it and save it again")
        self._is_begun = True
        text = self._last + block
        if _DOCUMENT_TYPE in text:
            raise file_refused(DAMAGED)
        self._strings += len(_STRING.findall(text))
        before, *units = _UNIT.split(text)
        tags = [self._tags + before.count(b"<"), *(unit.count(b"<") for unit in units)]
        if max(tags) > _MOST_TAGS or self._strings > _MOST_STRINGS:
            raise file_refused("has too many cells in a row, or too many formats: save the sheet as CSV UTF-8")
        self._tags = tags[-1]
        at = text.rfind(b"<", -_LONGEST_TAG_NAME)
        self._last = text[at:] if at >= 0 else b""
