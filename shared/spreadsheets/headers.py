"""Finds a mapping's columns in the header of a file."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from shared.spreadsheets.cleaning import comparison_key
from shared.spreadsheets.mapping import Section
from shared.spreadsheets.tables import ADVICE_COLUMN, LINE_COLUMN
from shared.spreadsheets.verdicts import MAX_COLUMN_NAME, file_refused

_MOST_ERRORS = 50
_LEAST_LIKENESS = 80
"""Of 100."""
_OWN = (LINE_COLUMN, ADVICE_COLUMN)


class Columns:
    """Positions by name: as written, else by letters alone, without case and width."""

    def __init__(self, header: Sequence[str]) -> None:
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._folded: dict[str, list[int]] = defaultdict(list)
        for position, title in enumerate(header):
            if title:
                self._exact[title].append(position)
                self._folded[comparison_key(title)].append(position)

    def named(self, name: str) -> Sequence[int]:
        return self._exact.get(name) or self.similar(name)

    def similar(self, name: str) -> Sequence[int]:
        """All positions of the name, however it is written."""
        return self._folded.get(comparison_key(name)) or ()


class Header:
    """Raises `Rejected` if a column is missing, unknown or read and named twice."""

    def __init__(self, titles: Sequence[str], section: Section, further: Sequence[str] = ()) -> None:
        self.titles = titles
        self._columns = Columns(titles)
        if wrong := list(self._wrong(section, further)):
            more = [f"{len(wrong) - _MOST_ERRORS} more columns are wrong"] if len(wrong) > _MOST_ERRORS else []
            raise file_refused(*wrong[:_MOST_ERRORS], *more)

    def position(self, name: str) -> int | None:
        return next(iter(self._columns.named(name)), None)

    def unnamed_after(self, position: int) -> range:
        """The columns without a name that follow: a form's further answers to the same question."""
        end = position + 1
        while end < len(self.titles) and not self.titles[end]:
            end += 1
        return range(position + 1, end)

    def _wrong(self, section: Section, further: Sequence[str]) -> Iterator[str]:
        read = [*dict.fromkeys((*section.read, *section.needed, *further))]
        known: set[int] = set()
        for name in sorted(read):
            positions = self._columns.named(name)
            known.update(positions)
            if len(positions) > 1:
                yield f"column {name!r} appears twice"
            elif not positions and (name in section.needed or name in further):
                yield f"required column {name!r} is missing{self._near(name)}"
        for name in (*section.ignore, *_OWN):
            known.update(self._columns.similar(name))
        if section.ignore_others:
            return
        unknown = {title: position for position, title in enumerate(self.titles) if title and position not in known}
        for title, position in unknown.items():
            if len(title) > MAX_COLUMN_NAME:
                yield f"the name of column {position + 1} is longer than {MAX_COLUMN_NAME} characters"
            else:
                yield f"column {title!r} is unknown: map it, or list it under ignore"

    def _near(self, name: str) -> str:
        from rapidfuzz import fuzz, process  # only where a column is missing

        titles = [title for title in self.titles if 0 < len(title) <= MAX_COLUMN_NAME]
        near = process.extractOne(name, titles, scorer=fuzz.ratio, score_cutoff=_LEAST_LIKENESS)
        return f": {near[0]!r} is similar" if near else ""


def has_all(header: Sequence[str], names: Sequence[str]) -> bool:
    columns = Columns(header)
    return all(columns.named(name) for name in names)
