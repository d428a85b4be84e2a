"""The encoding of a text file: its mark, UTF-8 or UTF-16 if its bytes say so, else what the mapping names.

Another encoding is never guessed: the refusal shows how a cell would read, so that a person can decide.
"""

import codecs
import io
import re
from collections.abc import Iterator
from typing import IO

from shared.spreadsheets.verdicts import file_refused, shown

ENCODINGS = (
    *("utf-8", "utf-16", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15", "koi8-r", "koi8-u"),
    *("mac-roman", "cp437", "cp850", "cp852", "shift_jis", "cp932", "euc-jp", "gb18030", "big5", "euc-kr", "cp874"),
)
"""What a mapping may name."""
MAX_LINE = 1_000_000
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20
_SHOWN = 40
_CELL_END = re.compile(r"[,;\t|\"\r\n]")


def encoding_of(file: IO[bytes], declared: str | None) -> str:
    """Raises `Rejected`; leaves the file at its beginning."""
    file.seek(0)
    head = file.read(4096)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None) or _unmarked_utf16(head)
    if marked:
        file.seek(0)
        return marked
    if declared in {None, "utf-8"}:
        _refuse_other_than_utf8(file)
        return "utf-8"
    if _is_utf8_beyond_ascii(file):
        raise file_refused(f"is UTF-8, and the mapping says `encoding: {declared}`: leave `encoding` out")
    return str(declared)


def lines(file: IO[bytes], encoding: str) -> Iterator[str]:
    """With their ends, of any kind. Raises `Rejected`."""
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    number = 0
    try:
        while line := text.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise file_refused(
                    f"line {number} is longer than {MAX_LINE // 1000} KB: a quotation mark or a line end may be missing"
                )
            yield line
    except UnicodeError:
        raise file_refused(f"is not {encoding} after line {number}: check `encoding` in the mapping") from None
    finally:
        if not file.closed:  # the wrapper would close it
            text.detach()


def _unmarked_utf16(head: bytes) -> str | None:
    """A header begins with letters, of which UTF-16 writes every other byte as zero."""
    even, odd = head[0:64:2], head[1:64:2]
    if len(odd) > 1 and not any(odd) and all(even):
        return "utf-16-le"
    return "utf-16-be" if len(odd) > 1 and not any(even) and all(odd) else None


def _first_not_utf8(file: IO[bytes]) -> int | None:
    """The offset of the first byte that is not UTF-8; leaves the file at its beginning."""
    file.seek(0)
    decoder, at = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        while block := file.read(_BLOCK):
            pending = len(decoder.getstate()[0])
            decoder.decode(block)
            at += len(block)
        pending = len(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as broken:
        return at - pending + broken.start
    finally:
        file.seek(0)
    return None


def _is_utf8_beyond_ascii(file: IO[bytes]) -> bool:
    if _first_not_utf8(file) is not None:
        return False
    beyond = any(not block.isascii() for block in iter(lambda: file.read(_BLOCK), b""))
    file.seek(0)
    return beyond


def _refuse_other_than_utf8(file: IO[bytes]) -> None:
    at = _first_not_utf8(file)
    if at is None:
        return
    line, start, remaining = 1, 0, at
    while remaining:  # a file of one long line is not read as a whole
        block = file.read(min(_BLOCK, remaining))
        line += block.count(b"\n")
        last = block.rfind(b"\n")
        start = at - remaining + last + 1 if last >= 0 else start
        remaining -= len(block)
    begin = max(start, at - 200)
    file.seek(begin)
    near = file.read(400)
    file.seek(0)
    before, after = (
        part.decode("cp1252", errors="replace").replace("\ufffd", "?")
        for part in (near[: at - begin], near[at - begin :])
    )
    cell = _CELL_END.split(before)[-1] + _CELL_END.split(after)[0]
    raise file_refused(
        f"line {line} is not UTF-8. Read as cp1252 its first doubtful cell is “{shown(cell.strip(), _SHOWN)}”: if that "
        "is right, write `encoding: cp1252` in the mapping's section, or the right encoding, or save the file as "
        "CSV UTF-8"
    )
