"""The commands `./dev match` and `./dev verify`. A command computes everything before it writes a file."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy import verify as verifier
from deploy.rounds import presentation, spreadsheets
from services.matching.repairs.domain.departed import repair_round
from services.matching.rounds.solver.files import RoundInput, RoundResult, Target, read_input, read_result
from services.matching.rounds.solver.solving import solve
from shared.errors import DomainError, Rejected

_BAD_INPUT = 2
_PLOTS = (".png", ".svg")
_console = Console()
_errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


@dataclass(frozen=True, slots=True)
class _Round:
    content: bytes
    input: RoundInput
    names: presentation.Names


def match(  # noqa: PLR0913 -- one argument an option
    files: Annotated[
        list[Path] | None, typer.Argument(help="for --replay and --repair: the files INPUT and RESULT")
    ] = None,
    *,
    input: Annotated[Path | None, typer.Option(help="the round's input file (docs/rounds.md)")] = None,
    mentors: Annotated[Path | None, typer.Option(help="instead of --input: the mentors' CSV")] = None,
    mentees: Annotated[Path | None, typer.Option(help="instead of --input: the mentees' CSV")] = None,
    mapping: Annotated[Path | None, typer.Option(help="with the CSV files: how their columns are read")] = None,
    input_out: Annotated[Path | None, typer.Option(help="write the input to this file, in canonical form")] = None,
    target: Annotated[
        str | None, typer.Option(help="with the CSV files: fit or coverage, instead of the mapping's target")
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
    try:
        if replay:
            raise typer.Exit(_replay(files or []))
        _refuse(output is None, "add --output FILE: the file for the result")
        _keep_apart(*(files or []), input, mentors, mentees, mapping, input_out, output, plot, csv)
        if repair and output is not None:
            raise typer.Exit(_repair(files or [], gone or [], bystanders, output))
        _refuse(bool(gone) or bystanders > 0, "--gone and --bystanders can be used only with --repair")
        _refuse(
            bool(files), "name files without an option only with --replay or --repair; for a round use --input FILE"
        )
        _refuse(plot is not None and plot.suffix not in _PLOTS, "the name of the plot must end in .png or .svg")
        round = _given(input, (mentors, mentees, mapping), target, input_out)
        result = solve(round.content)
        drawn = presentation.plot(result, round.input, plot.suffix) if plot else b""
        mailing = _bytes(csv, result, round.names)
        _written({input_out: round.content, output: result.file(), csv: mailing, plot: drawn})
        presentation.show(result, round.names, _console)
        _console.print(f"result: {output}; check it: ./dev verify INPUT {output}", highlight=False)
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


def _given(
    input: Path | None, sheets: tuple[Path | None, Path | None, Path | None], target: str | None, out: Path | None
) -> _Round:
    mentors, mentees, mapping = sheets
    has_sheets = mentors is not None or mentees is not None or mapping is not None
    _refuse(
        (input is not None) == has_sheets, "give either --input FILE or --mentors FILE --mentees FILE --mapping FILE"
    )
    if input is not None:
        _refuse(target is not None, "leave out --target: it is for CSV files, and the input file has its own target")
        content = input.read_bytes()
        round = read_input(content)
        return _Round(round.file() if out else content, round, {})
    if mentors is None or mentees is None or mapping is None:
        raise Rejected("arguments", "add all three of --mentors, --mentees and --mapping")
    _refuse(out is None, "add --input-out FILE: the file for the input, which the result is checked against")
    _refuse(target not in (None, "fit", "coverage"), "--target must be fit or coverage")
    chosen: Target | None = "coverage" if target == "coverage" else "fit" if target == "fit" else None
    read = spreadsheets.read(
        mentors=mentors.read_bytes(), mentees=mentees.read_bytes(), mapping_file=mapping.read_bytes(), target=chosen
    )
    return _Round(read.input.file(), read.input, read.names)


def _bytes(path: Path | None, result: RoundResult, names: presentation.Names) -> bytes:
    """With a byte order mark, without which common spreadsheet programs assume another encoding."""
    return presentation.mailing(result, names).encode("utf-8-sig") if path else b""


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
