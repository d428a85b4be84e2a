"""`./dev texts` shows every sentence that a member reads, so that somebody can proofread them in one place."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from deploy import texts
from services.matching.kernel.reasons import UNMATCHED

TEMPLATES = Path(texts.notifications.__file__).parent / "templates"


def shown() -> str:
    page = StringIO()
    console = Console(width=400, file=page)
    for table in texts.tables():
        console.print(table)
    return page.getvalue()


def test_every_template_and_every_reason_code_is_shown() -> None:
    text = shown()
    names = {file.stem for file in TEMPLATES.glob("*/*.txt")} - {"words"}
    assert [name for name in names if name not in text] == []
    assert [code for code in UNMATCHED if code not in text] == []
    assert [sentence for sentence in UNMATCHED.values() if sentence not in text] == []


def test_each_reason_that_a_template_knows_has_a_row() -> None:
    text = shown()
    for reason in ("goals_reached", "mentor_inactive", "outweighed", "no_time"):
        assert reason in text
