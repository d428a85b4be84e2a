"""`./dev match` as a coordinator runs it: files in, files out, and what is wrong said without a traceback."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.dev import app
from deploy.rounds.spreadsheets import Given, read
from services.matching.rounds.solver.files import RoundInput
from tests.conftest import missing
from tests.unit.rounds_kit import content, document, mentee, mentor, pretty, wish

ROOT = Path(__file__).parents[2]
CIVIL_SERVICE = ROOT / "deploy" / "rounds" / "civil-service.yaml"

SECTION = """
    fields:
      name: {column: name}
      email: {column: mail}
      topics_ROLE: {constant: [research]}
      languages: {constant: [en]}
      formats: {constant: [video]}
      hours_per_month: {constant: "4"}
      capacity: {constant: "1"}
    enrol: [{programme: care, roles: [PART]}]
"""
PLAN = (
    "version: 1\n"
    "round: {id: spring, programme: care, waiting_days: waits,\n"
    "        choices: {mentees: [first, second], mentors: [wanted]}}\n"
    "sections:\n"
    "  mentors:" + SECTION.replace("ROLE", "offered").replace("PART", "mentor") + "  mentees:"
    "" + SECTION.replace("ROLE", "wanted").replace("PART", "mentee")
)
MENTORS = "name,mail,wanted\nAda,ada@x.org,ky@y.org\nBo,bo@x.org,\n"
MENTEES = "name,mail,first,second,waits\nJo,jo@y.org,ada@x.org,bo@x.org,3\n+Ky,ky@y.org,Ada@x.org,,\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["match", *map(str, arguments)])


def sheets(folder: Path, *, mentors: str = MENTORS, mentees: str = MENTEES, mapping: str = PLAN) -> list[object]:
    for name, text in (("mentors.csv", mentors), ("mentees.csv", mentees), ("mapping.yaml", mapping)):
        (folder / name).write_text(text, encoding="utf-8")
    given = ["--mentors", folder / "mentors.csv", "--mentees", folder / "mentees.csv", "--mapping"]
    return [*given, folder / "mapping.yaml", "--input-out", folder / "input.json", "--output", folder / "result.json"]


def test_two_spreadsheets_become_a_round_that_verifies_and_replays(tmp_path: Path) -> None:
    done = run(*sheets(tmp_path), "--csv", tmp_path / "mail.csv", "--plot", tmp_path / "plot.svg")
    assert done.exit_code == 0, done.output
    files = [str(tmp_path / name) for name in ("input.json", "result.json")]
    assert CliRunner().invoke(app, ["verify", *files]).exit_code == 0
    assert run("--replay", *files).exit_code == 0
    assert "<svg" in (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "@" not in (tmp_path / "input.json").read_text() + (tmp_path / "result.json").read_text()


def test_a_choice_precedes_every_score(tmp_path: Path) -> None:
    """Both want Ada, who wants Ky; Jo waits longer, but a wish goes before waiting."""
    assert run(*sheets(tmp_path), "--csv", tmp_path / "mail.csv").exit_code == 0
    with (tmp_path / "mail.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["mentee e-mail"]: row for row in csv.DictReader(file)}
    assert {who: row["mentor e-mail"] for who, row in rows.items()} == {
        "jo@y.org": "bo@x.org",
        "ky@y.org": "ada@x.org",
    }
    assert rows["jo@y.org"]["rank"] == "2"


def test_the_flow_is_shown_of_both_targets(tmp_path: Path) -> None:
    """Fit gives Ada to Jo, whom she likes best; coverage leaves her to Ky, who wants nobody else."""
    mentors = [mentor("ada", institution="east"), mentor("bo", institution="west")]
    jo, ky = mentee("jo", wish("ada", 1), wish("bo", 2)), mentee("ky", wish("ada", 1, mentor_rank=2))
    (tmp_path / "input.json").write_bytes(content(document(mentors, [jo, ky])))
    output = run("--input", tmp_path / "input.json", "--output", tmp_path / "result.json").output
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines()]
    assert ["north", "east", "1", "1"] in cells
    assert ["north", "west", "0", "1"] in cells


def test_no_cell_of_the_mailing_list_is_a_formula(tmp_path: Path) -> None:
    assert run(*sheets(tmp_path), "--csv", tmp_path / "mail.csv").exit_code == 0
    assert "'+Ky" in (tmp_path / "mail.csv").read_text(encoding="utf-8-sig")


def test_the_order_of_rows_does_not_matter() -> None:
    head, *rows = MENTEES.splitlines()
    first, again = (
        read(
            Given(
                mentors=MENTORS.encode(),
                mentees="\n".join([head, *order]).encode(),
                mapping=PLAN.encode(),
                target="coverage",
            )
        )
        for order in (rows, rows[::-1])
    )
    assert first.input == again.input
    assert dict(first.names) == dict(again.names)


WRONG_SHEETS = [
    ({"mentees": MENTEES.replace(",3\n", ",-3\n")}, "line 2, waits: must be a whole number of days"),
    ({"mentees": MENTEES.replace("jo@y.org", "jo")}, "line 2, mail: must be an e-mail address"),
    ({"mentees": MENTEES.replace("Jo,", "=1+1,")}, "line 2, name: starts with ="),
    ({"mentees": ""}, "the file is empty"),
    ({"mentors": "name,mail\nAda,ada@x.org\n"}, "required column 'wanted' is missing"),
    ({"mentors": MENTORS.replace("name,mail", "name,post")}, "required column 'mail' is missing"),
    ({"mapping": PLAN.replace("name: {column: name}", "name: {column: biography}")}, "must be listed under ignore"),
    ({"mapping": PLAN.replace("topics_wanted: {", "identity: {")}, "can be entered only by the person"),
    ({"mapping": PLAN.replace("id: spring, ", "")}, "round/id: is required"),
    ({"mapping": PLAN.replace("id: spring,", "id: spring, weights: {topics: 101},")}, "round/weights/topics"),
    ({"mapping": PLAN.replace("id: spring,", "id: spring, weights: {topics: .nan},")}, "round/weights/topics"),
    ({"mapping": PLAN.replace("id: spring,", "id: spring, weights: {identity: 5},")}, "a person's own wish only"),
    ({"mapping": PLAN.replace("waits", "gender")}, "column 'gender' must be listed under ignore"),
    ({"mapping": PLAN.replace("second]", "story]")}, "column 'story' must be listed under ignore"),
    ({"mapping": PLAN.replace("spring, programme: care", "spring, programme: car")}, "must enrol in 'car'"),
    ({"mentees": MENTEES + MENTEES.splitlines()[1] + "\n"}, "line 4: has the same e-mail address as line 2"),
    ({"mapping": "version: 1"}, "must say which round it is for"),
    ({"mapping": "{"}, "must be YAML or JSON"),
]


@pytest.mark.parametrize(("changed", "message"), WRONG_SHEETS, ids=[message for _, message in WRONG_SHEETS])
def test_a_wrong_spreadsheet_is_refused_by_line_and_column(
    changed: dict[str, str], message: str, tmp_path: Path
) -> None:
    done = run(*sheets(tmp_path, **changed))
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert not (tmp_path / "input.json").exists()
    assert not (tmp_path / "result.json").exists()


SMALL = document([mentor("ada")], [mentee("jo", wish("ada")), mentee("ky", wish("ada"))])


def test_a_handwritten_input_is_solved_and_verified_unchanged(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(pretty(SMALL))
    assert run("--input", tmp_path / "mine.json", "--output", tmp_path / "result.json").exit_code == 0
    assert (
        CliRunner().invoke(app, ["verify", str(tmp_path / "mine.json"), str(tmp_path / "result.json")]).exit_code == 0
    )


@pytest.mark.parametrize("other", ["--output", "--input-out", "--csv", "--plot"])
def test_no_existing_file_is_overwritten(other: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.svg"
    mine.write_bytes(content(SMALL))
    (tmp_path / "folder").mkdir()
    beside = tmp_path / "folder" / ".." / "mine.svg"
    outputs = {"--output": tmp_path / "result.json", other: beside}
    done = run("--input", mine, *(part for pair in outputs.items() for part in pair))
    assert (done.exit_code, mine.read_bytes()) == (2, content(SMALL))
    assert "mine.svg is named for two files" in done.stderr
    assert not (tmp_path / "result.json").exists()


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_bytes(content(SMALL))
    for output, message in (("nowhere/r.json", "r.json: No such file"), ("", "Is a directory")):
        done = run("--input", tmp_path / "input.json", "--output", tmp_path / output)
        assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    done = run("--input", tmp_path / "input.json", "--output", "/dev/full")
    assert (done.exit_code, "/dev/full: No space left" in done.stderr) == (2, True), done.stderr


def test_a_replay_that_differs_names_the_place(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_bytes(content(SMALL))
    run("--input", tmp_path / "input.json", "--output", tmp_path / "result.json")
    published = (tmp_path / "result.json").read_bytes()
    (tmp_path / "result.json").write_bytes(published.replace(b'"fit"', b'"fix"'))
    done = run("--replay", tmp_path / "input.json", tmp_path / "result.json")
    assert done.exit_code == 1
    assert "differs from byte" in done.stderr


def test_a_replay_of_another_input_is_refused_as_such(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_bytes(content(SMALL))
    (tmp_path / "other.json").write_bytes(pretty(SMALL))
    run("--input", tmp_path / "input.json", "--output", tmp_path / "result.json")
    done = run("--replay", tmp_path / "other.json", tmp_path / "result.json")
    assert (done.exit_code, "from another input: its /input/file_sha256" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("junk", "message"),
    [
        (b"\x00" * 10_000_000, "must be JSON"),
        (b"[" * 10_000_000, "nested deeper"),
        (content({**SMALL, "target": "best"}), "/target"),
        (
            content({**SMALL, "pins": [{"mentee": "jo", "mentor": "ada"}, {"mentee": "ky", "mentor": "ada"}]}),
            "/mentors/0",
        ),
    ],
    ids=["junk", "nesting", "value", "infeasible"],
)
def test_bad_json_ends_with_2_and_the_place(junk: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_bytes(junk)
    done = run("--input", tmp_path / "input.json", "--output", tmp_path / "result.json")
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "result.json").exists()


def test_an_empty_round_is_solved_drawn_and_verified(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_bytes(content(document([], [], target="coverage")))
    files = tmp_path / "input.json", tmp_path / "result.json"
    extra = ("--plot", tmp_path / "plot.png", "--csv", tmp_path / "mail.csv")
    assert run("--input", files[0], "--output", files[1], *extra).exit_code == 0
    assert CliRunner().invoke(app, ["verify", *map(str, files)]).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--output", "r.json"],
        ["--input", "missing.json", "--output", "r.json"],
        ["--input", "i.json", "--mentors", "m.csv", "--output", "r.json"],
        ["--mentors", "m.csv", "--output", "r.json"],
        ["--input", "i.json", "--output", "r.json", "--plot", "plot.pdf"],
        ["--input", "i.json", "--output", "r.json", "--target", "fit"],
        ["--replay", "i.json"],
        ["i.json"],
    ],
)
def test_arguments_that_do_not_go_together_end_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.strip()


def test_the_civil_services_files_become_a_round_of_pseudonyms(tmp_path: Path) -> None:
    folder = ROOT.parent / "shared" / "data" / "civil-service"
    if not folder.exists():
        missing("the civil service's files are not beside this clone")
    done = run(
        *("--mentors", folder / "mentors.csv", "--mentees", folder / "mentees.csv", "--mapping", CIVIL_SERVICE),
        *("--input-out", tmp_path / "input.json", "--output", tmp_path / "result.json"),
    )
    assert done.exit_code == 0, done.output
    text = (tmp_path / "input.json").read_text(encoding="utf-8")
    assert "@" not in text
    assert "isexual" not in text
    round = RoundInput.model_validate(json.loads(text))
    assert all(mentee.wishes for mentee in round.mentees)
    assert len(round.mentees) >= 50
