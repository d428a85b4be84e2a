"""The commands `./dev match` and `./dev verify`. A command computes everything before it writes a file.

No cell of a file is read as markup: names such as `[she/her]` are shown as they are.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy import verify as verifier
from deploy.rounds import explaining, presentation, spreadsheets
from deploy.rounds.people import Side
from deploy.rounds.refused_rows import refused_csv
from services.matching.repairs.domain.departed import repair_round
from services.matching.rounds.solver.files import RoundInput, RoundResult, Target, read_input, read_result
from services.matching.rounds.solver.solving import solve
from shared.errors import DomainError, Rejected

_BAD_INPUT = 2
_NO_PAIRS = 3
_PLOTS = (".png", ".svg")
_console = Console(markup=False, emoji=False, highlight=False)
_errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


@dataclass(frozen=True, slots=True)
class _Round:
    content: bytes
    input: RoundInput
    sheets: spreadsheets.Sheets | None = None

    @property
    def known(self) -> presentation.SheetFacts:
        return presentation.facts_of(self.sheets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheets:
    """The options that name a coordinator's files."""

    mentors: Path | None
    mentees: Path | None
    mapping: Path | None
    apart: Path | None
    together: Path | None
    leave_out: bool
    refused: Path | None

    @property
    def are_given(self) -> bool:
        return self != _Sheets(
            mentors=None, mentees=None, mapping=None, apart=None, together=None, leave_out=False, refused=None
        )


def match(  # noqa: PLR0913 -- one argument an option
    files: Annotated[
        list[Path] | None, typer.Argument(help="for --replay and --repair: the files INPUT and RESULT")
    ] = None,
    *,
    input: Annotated[Path | None, typer.Option(help="the round's input file (docs/rounds.md)")] = None,
    mentors: Annotated[Path | None, typer.Option(help="instead of --input: the mentors' CSV or XLSX file")] = None,
    mentees: Annotated[Path | None, typer.Option(help="instead of --input: the mentees'; may be the same file")] = None,
    mapping: Annotated[Path | None, typer.Option(help="with the spreadsheets: how their columns are read")] = None,
    apart: Annotated[
        Path | None, typer.Option(help="with the spreadsheets: pairs who are not matched, in two columns")
    ] = None,
    together: Annotated[
        Path | None, typer.Option(help="with the spreadsheets: pairs who are matched, with columns mentee and mentor")
    ] = None,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="with the spreadsheets: match without the rows that are wrong")
    ] = False,
    refused: Annotated[
        Path | None,
        typer.Option(help="with the spreadsheets: write the wrong rows to NAME-mentors.csv and NAME-mentees.csv"),
    ] = None,
    explain_file: Annotated[
        Path | None, typer.Option(help="show the columns of a CSV or XLSX file, and suggest a mapping")
    ] = None,
    input_out: Annotated[Path | None, typer.Option(help="write the input to this file, in canonical form")] = None,
    target: Annotated[
        str | None, typer.Option(help="with the spreadsheets: fit or coverage, instead of the mapping's target")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="write the result to this file")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw ranks and load to this .png or .svg file")] = None,
    csv: Annotated[Path | None, typer.Option(help="write a CSV for a mail merge to this file")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="solve INPUT again and compare with RESULT")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="plan new mentors for the mentees of mentors who have left (--gone)")
    ] = False,
    gone: Annotated[
        list[str] | None, typer.Option(help="with --repair: a mentor who has left; may be repeated")
    ] = None,
    bystanders: Annotated[
        int, typer.Option(min=0, help="with --repair: how many other mentees may get a new mentor")
    ] = 0,
) -> None:
    """Matches a round from files, without a server."""
    sheets = _Sheets(
        mentors=mentors,
        mentees=mentees,
        mapping=mapping,
        apart=apart,
        together=together,
        leave_out=leave_out,
        refused=refused,
    )
    try:
        if explain_file is not None:
            for line in explaining.explain(explain_file.read_bytes()):
                _console.print(line, soft_wrap=True)
            return
        if replay:
            raise typer.Exit(_replay(files or []))
        _refuse(output is None, "add --output FILE: the file for the result")
        read = {*(files or []), *filter(None, (input, mentors, mentees, mapping, apart, together))}
        _keep_apart(*read, input_out, output, plot, csv, *_refused_files(refused).values())
        if repair and output is not None:
            raise typer.Exit(_repair(files or [], gone or [], bystanders, output))
        _refuse(bool(gone) or bystanders > 0, "--gone and --bystanders can be used only with --repair")
        _refuse(
            bool(files), "name files without an option only with --replay or --repair; for a round use --input FILE"
        )
        _refuse(plot is not None and plot.suffix not in _PLOTS, "the name of the plot must end in .png or .svg")
        round = _given(input, sheets, target, input_out)
        result = solve(round.content)
        drawn = presentation.plot(result, round.input, plot.suffix) if plot else b""
        mailing = _bytes(csv, result, round.known)
        _written({input_out: round.content, output: result.file(), csv: mailing, plot: drawn})
        presentation.show(result, round.known, _console)
        _console.print(f"result: {output}; check it: ./dev verify INPUT {output}")
        if round.sheets and (why := presentation.why_no_pairs(result, round.input, round.known)):
            _errors.print(why, style="red")
            raise typer.Exit(_NO_PAIRS)
    except DomainError as wrong:
        raise typer.Exit(_print_refusal(wrong)) from None
    except OSError as unreadable:
        _errors.print(f"{unreadable.filename}: {unreadable.strerror}", style="red")
        raise typer.Exit(_BAD_INPUT) from None


def verify(
    input: Annotated[Path, typer.Argument(help="input.json")],
    result: Annotated[Path, typer.Argument(help="result.json")],
) -> None:
    """Checks a result against its input. Exits with 0 if it holds, 1 at the first fault, 2 if a file is missing."""
    raise typer.Exit(verifier.main([str(input), str(result)]))


def _refuse(wrong: bool, message: str) -> None:  # noqa: FBT001 -- reads as a sentence
    if wrong:
        raise Rejected("arguments", message)


def _keep_apart(*paths: Path | None) -> None:
    """A result that overwrites its input could not be checked again."""
    named = [path.resolve() for path in paths if path is not None]
    repeated = next((path.name for path in named if named.count(path) > 1), None)
    _refuse(repeated is not None, f"{repeated} is named for two files: give each file its own name")


def _given(input: Path | None, sheets: _Sheets, target: str | None, out: Path | None) -> _Round:
    _refuse(
        (input is not None) == sheets.are_given,
        "give either --input FILE or --mentors FILE --mentees FILE --mapping FILE",
    )
    if input is not None:
        _refuse(target is not None, "leave out --target: it is for spreadsheets, and the input file has its own target")
        content = input.read_bytes()
        round = read_input(content)
        return _Round(round.file() if out else content, round)
    mentors, mentees, mapping = sheets.mentors, sheets.mentees, sheets.mapping
    if mentors is None or mentees is None or mapping is None:
        raise Rejected("arguments", "add all three of --mentors, --mentees and --mapping")
    _refuse(out is None, "add --input-out FILE: the file for the input, which the result is checked against")
    _refuse(target not in (None, "fit", "coverage"), "--target must be fit or coverage")
    chosen: Target | None = "coverage" if target == "coverage" else "fit" if target == "fit" else None
    given = spreadsheets.Given(
        mentors=mentors.read_bytes(),
        mentees=mentees.read_bytes(),
        mapping=mapping.read_bytes(),
        apart=_named(sheets.apart),
        together=_named(sheets.together),
        target=chosen,
        leave_out=sheets.leave_out,
    )
    read = spreadsheets.read_files(given)
    for side, path in _refused_files(sheets.refused).items():
        file = read.file(side)
        if file.refused:
            _write(path, refused_csv(file).encode("utf-8-sig"))
    cohort = spreadsheets.cohort(read, given)
    for warning in presentation.warnings(cohort):
        _errors.print(warning, style="yellow")
    return _Round(cohort.input.file(), cohort.input, cohort)


def _named(path: Path | None) -> tuple[str, bytes] | None:
    return (path.name, path.read_bytes()) if path else None


def _refused_files(path: Path | None) -> dict[Side, Path]:
    sides: tuple[Side, Side] = ("mentors", "mentees")
    return {side: path.with_name(f"{path.stem}-{side}.csv") for side in sides} if path else {}


def _bytes(path: Path | None, result: RoundResult, known: presentation.SheetFacts) -> bytes:
    """With a byte order mark, without which common spreadsheet programs assume another encoding."""
    return presentation.mailing(result, known).encode("utf-8-sig") if path else b""


def _written(contents: dict[Path | None, bytes]) -> None:
    for path, content in contents.items():
        if path is not None:
            _write(path, content)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as failed:  # the error of a full disk has no file name
        raise OSError(failed.errno, failed.strerror, str(path)) from None


def _replay(files: list[Path]) -> int:
    _refuse(len(files) != 2, "--replay needs two files: INPUT RESULT")  # noqa: PLR2004
    content, published = (file.read_bytes() for file in files)
    _refuse(
        _has_another_input(content, published),
        "RESULT was made from another input: its /input/file_sha256 is not that of INPUT",
    )
    again = solve(content).file()
    if again == published:
        _console.print(f"the same {len(again)} bytes", highlight=False)
        return 0
    pairs = enumerate(zip(again, published, strict=False))
    offset = next((index for index, (ours, theirs) in pairs if ours != theirs), min(len(again), len(published)))
    _errors.print(f"differs from byte {offset} on: solved again, it is {_around(again, offset)}", style="red")
    return 1


def _has_another_input(content: bytes, published: bytes) -> bool:
    try:
        known = read_result(published)
    except Rejected:
        return False  # the comparison reports where it differs
    return known.input.file_sha256 != sha256(content).hexdigest()


def _repair(files: list[Path], gone: list[str], bystanders: int, output: Path) -> int:
    """Verifies the result first: its pairs are the mentees' present mentors."""
    _refuse(len(files) != 2, "--repair needs two files: INPUT RESULT")  # noqa: PLR2004
    _refuse(not gone, "add --gone MENTOR: the mentor who has left")
    if status := verifier.main([str(file) for file in files]):
        return status
    content, published = (file.read_bytes() for file in files)
    plan = repair_round(read_input(content), read_result(published), gone=gone, bystanders=bystanders)
    _write(output, plan.file())
    presentation.show_repair(plan, _console)
    return 0


def _around(content: bytes, offset: int) -> str:
    return repr(content[max(0, offset - 30) : offset + 30].decode(errors="replace"))


def _print_refusal(wrong: DomainError) -> int:
    _errors.print(f"{wrong.message}", style="red")
    for error in wrong.errors if isinstance(wrong, Rejected) else ():
        _errors.print(f"  {error.field or '(whole file)'}: {error.message}")
    return _BAD_INPUT
