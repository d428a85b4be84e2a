"""The guides that ship with the service, from the package's YAML files: one for each guide and language."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from services.mentorships.guides.domain import LOCALES, MOMENTS, Guide, Locale

_TEXTS = Path(__file__).parent / "texts"


@cache
def shipped() -> Mapping[tuple[str, Locale], Guide]:
    """By id and language, in the order in which they are needed."""
    guides = [_guide(file, locale) for locale in LOCALES for file in (_TEXTS / locale).glob("*.yaml")]
    return {(guide.id, guide.locale): guide for guide in sorted(guides, key=lambda guide: MOMENTS.index(guide.moment))}


def _guide(file: Path, locale: Locale) -> Guide:
    fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    steps, sources = tuple(fields.pop("steps")), tuple(fields.pop("sources"))
    return Guide(id=file.stem, locale=locale, steps=steps, sources=sources, **fields)
