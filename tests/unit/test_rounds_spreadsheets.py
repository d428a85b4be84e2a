"""`./dev match` on files as people bring them: choices, pairs, rows that are left out, and what is shown."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.unit.test_rounds_command import MENTEES, MENTORS, PLAN, ROOT, run, sheets

CASES = ROOT.parent / "shared" / "cases" / "spreadsheets"
READ = [
    *("1", "2", "3", "3 mentors-long", "4", "4 mentees-dropped", "6", "7", "7 mentors-hours map-hours", "8"),
    *("8 mentees-same", "8 mentors-mail mentees-mail map-choice", "13", "14", "15", "17"),
    *("17 mentors-orient map-orient", "19", "19 map-semicolon", "19 mentors-sep mentees-sep", "21"),
    *(
        "21 mentors-ok mentees-header map-header",
        "22 mentees-newline map-newline",
        "24",
        "29 mentors-blank",
        "32",
        "34",
    ),
]
REFUSED = {
    "17 mentors-de mentees-de map-de": "column 'Geschlecht' must be listed under ignore",
    "18": "`latest_by`",
    "22": "write `skip_rows: 2`",
    "22 mentees-surveymonkey map-sm": "write `skip_rows: 1`",
    "29": "has column names and nothing below them",
    "32 mentees-inch": "line 2: a quotation mark",
    "32 mentees-quote": "line 2: a cell begins with a quotation mark",
}


def of_case(case: str) -> list[object]:
    folder, *changed = case.split()
    if not CASES.exists():
        missing("the cases are not beside this clone")
    files = {
        name: next((file for file in changed if file.startswith(name)), name) for name in ("mentors", "mentees", "map")
    }
    directory = CASES / folder
    return [
        *("--mentors", directory / f"{files['mentors']}.csv", "--mentees", directory / f"{files['mentees']}.csv"),
        *("--mapping", directory / f"{files['map']}.yaml"),
    ]


def outputs(folder: Path) -> list[object]:
    return ["--input-out", folder / "input.json", "--output", folder / "result.json", "--csv", folder / "mail.csv"]


def mailing(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "mail.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["mentee name"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("case", READ)
def test_a_file_that_people_bring_is_matched(case: str, tmp_path: Path) -> None:
    done = run(*of_case(case), *outputs(tmp_path))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(("case", "message"), REFUSED.items(), ids=list(REFUSED))
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(case: str, message: str, tmp_path: Path) -> None:
    done = run(*of_case(case), *outputs(tmp_path))
    assert (done.exit_code, message in done.stderr) == (2, True), done.output


SIGN_UP = """version: 1
round: {id: r, programme: p}
sections:
"""
SIDE = """  SIDE:
    fields:
      name: {column: name}
      email: {column: email}
      topics_offered: {column: topics, split: ";", slug: true}
      topics_wanted: {column: topics, split: ";", slug: true}
      capacity: {column: places}
    enrol: [{programme: p, roles: {column: as, values: {mentor: mentor, both: [mentor, mentee], mentee: mentee}}}]
"""
SHEET = "name,email,topics,places,as\nAda,a@x.org,ecg,1,mentor\nBo,b@x.org,ecg,,both\nCy,c@x.org,ecg,,Mentee\n"


def test_one_sheet_serves_both_roles(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text(SHEET)
    (tmp_path / "map.yaml").write_text(SIGN_UP + SIDE.replace("SIDE", "mentors") + SIDE.replace("SIDE", "mentees"))
    both = [
        "--mentors",
        tmp_path / "sheet.csv",
        "--mentees",
        tmp_path / "sheet.csv",
        "--mapping",
        tmp_path / "map.yaml",
    ]
    done = run(*both, *outputs(tmp_path), "--target", "coverage")
    assert done.exit_code == 0, done.output
    assert {name: row["mentor name"] for name, row in mailing(tmp_path).items()} == {"Bo": "Ada", "Cy": "Bo"}
    assert "1 of 2 give no capacity: each of them takes 1 mentee" in done.stderr


def test_a_sheet_says_how_many_mentors_are_wanted_and_how_small_a_group_may_be(tmp_path: Path) -> None:
    group = "mentors_wanted: {column: wants}\n      least_group: {column: group}"
    side = SIDE.replace("capacity: {column: places}", group)
    sheet = "name,email,topics,wants,group,as\nAda,a@x.org,ecg,,2,mentor\nEd,e@x.org,ecg,,,mentor\n"
    sheet += "Bo,b@x.org,ecg,2,,mentee\nCy,c@x.org,ecg,,,mentee\n"
    (tmp_path / "sheet.csv").write_text(sheet)
    (tmp_path / "map.yaml").write_text(SIGN_UP + side.replace("SIDE", "mentors") + side.replace("SIDE", "mentees"))
    both = [f"--{role}={tmp_path / 'sheet.csv'}" for role in ("mentors", "mentees")]
    done = run(*both, f"--mapping={tmp_path / 'map.yaml'}", *outputs(tmp_path))
    assert done.exit_code == 0, done.output
    given = json.loads((tmp_path / "input.json").read_bytes())
    assert sorted(who.get("mentors_wanted", 1) for who in given["mentees"]) == [1, 2]
    assert sorted((who["capacity"], who.get("least_group", 0)) for who in given["mentors"]) == [(1, 0), (2, 2)]


def test_choices_that_do_not_count_are_warned_of(tmp_path: Path) -> None:
    mentees = "name,mail,first,second,waits\nJo,jo@y.org,zed@x.org,Dr. BO,0\nKy,ky@y.org,ada@x.org,Ada <ADA@x.org>,0\n"
    done = run(*sheets(tmp_path, mentees=mentees), "--csv", tmp_path / "mail.csv")
    assert done.exit_code == 0, done.output
    assert "line 2: choice 1 (zed@x.org) is no mentor of this round; it is passed over" in done.stderr
    assert "line 3: choice 2 (Ada <ADA@x.org>) names the same mentor as an earlier choice" in done.stderr
    assert {name: row["mentor name"] for name, row in mailing(tmp_path).items()} == {"Jo": "Bo", "Ky": "Ada"}


def test_a_choice_by_an_ambiguous_name_is_not_guessed(tmp_path: Path) -> None:
    mentors = "name,mail,wanted\nAda,ada@x.org,\nada,ada2@x.org,\n"
    done = run(*sheets(tmp_path, mentors=mentors, mentees="name,mail,first,second,waits\nJo,j@y.org,Ada,,\n"))
    assert "choice 1 (Ada) is the name of 2 mentors: write an address; it is passed over" in done.stderr


def test_an_impossible_choice_is_explained_and_what_follows_is_no_first_choice(tmp_path: Path) -> None:
    mapping = PLAN.replace("languages: {constant: [en]}", "languages: {column: speaks}")
    mentors = "name,mail,wanted,speaks\nAda,ada@x.org,,de\nBo,bo@x.org,,en\n"
    mentees = "name,mail,first,second,waits,speaks\nJo,jo@y.org,ada@x.org,bo@x.org,,en\n"
    done = run(*sheets(tmp_path, mentors=mentors, mentees=mentees, mapping=mapping), "--csv", tmp_path / "mail.csv")
    assert "line 2: choice 1 of Jo, Ada, is impossible: they have no language in common" in done.stderr
    assert mailing(tmp_path)["Jo"]["rank"] == "2"
    assert "first choices" in done.stdout
    [cells] = [line.split("│")[1:-1] for line in done.stdout.splitlines() if "first choices" in line]
    assert cells[1].strip() == "0"


@pytest.mark.parametrize(
    ("choices", "header", "cells"),
    [
        ('mentees: {columns: [first], split: ";"}', "first", "bo@x.org; ada@x.org"),
        ("mentees: {grid: [Bo, Ada]}", "Bo,Ada", "1,2"),
    ],
)
def test_choices_may_be_several_in_a_cell_or_a_grid(choices: str, header: str, cells: str, tmp_path: Path) -> None:
    mapping = PLAN.replace("mentees: [first, second]", choices).replace("waiting_days: waits,", "")
    done = run(
        *sheets(tmp_path, mentees=f"name,mail,{header}\nJo,jo@y.org,{cells}\n", mapping=mapping),
        *("--csv", tmp_path / "mail.csv"),
    )
    assert done.exit_code == 0, done.output
    assert mailing(tmp_path)["Jo"]["mentor name"] == "Bo"


def test_pairs_are_kept_apart_and_together(tmp_path: Path) -> None:
    (tmp_path / "apart.csv").write_text("a,b\nAda,ky@y.org\ngone@x.org,jo@y.org\n")
    (tmp_path / "together.csv").write_text("mentor;mentee\nada@x.org;Jo\n")
    pairs = ("--apart", tmp_path / "apart.csv", "--together", tmp_path / "together.csv")
    done = run(*sheets(tmp_path), *pairs, "--csv", tmp_path / "mail.csv")
    assert done.exit_code == 0, done.output
    assert {name: row["mentor name"] for name, row in mailing(tmp_path).items()} == {"Jo": "Ada", "'+Ky": "Bo"}
    assert "apart.csv, line 3: names no mentee and mentor of this round" in done.stderr
    round = json.loads((tmp_path / "input.json").read_text())
    assert (len(round["pins"]), len(round["exclusions"])) == (1, 1)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("mentee,mentor\njo@y.org,nobody@x.org\n", "line 2: must name a mentee and a mentor of this round"),
        ("mentee,mentor\njo@y.org,Ada\nJo,Bo\n", "line 3: names the same mentee as line 2"),
        ("jo@y.org,ada@x.org\n", "line 1: must be the header: mentee,mentor"),
        ("mentee\nJo\n", "line 1: must name two columns"),
    ],
)
def test_pairs_that_cannot_be_kept_are_refused(lines: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "together.csv").write_text(lines)
    done = run(*sheets(tmp_path), "--together", tmp_path / "together.csv")
    assert (done.exit_code, message in done.stderr) == (2, True), done.output


def test_wrong_rows_are_grouped_left_out_and_brought_again(tmp_path: Path) -> None:
    mentees = MENTEES + "=Lee,lee@y.org,,,x\nMo,mo,,,1\nNo,no,,,1\n"
    given = [*sheets(tmp_path, mentees=mentees), "--refused", tmp_path / "refused.csv"]
    done = run(*given)
    assert done.exit_code == 2
    assert "3 of 5 rows are wrong, and nothing was matched; --leave-out matches the others" in done.stderr
    assert "line 5 and 1 more, mail: must be an e-mail address" in done.stderr
    done = run(*given, "--leave-out")
    assert done.exit_code == 0, done.output
    assert "left out: 3 of 5 rows of the mentees" in done.stderr
    text = (tmp_path / "refused-mentees.csv").read_text(encoding="utf-8-sig")
    assert [row["what to do"] for row in csv.DictReader(io.StringIO(text))][1].startswith("mail: must be an e-mail")
    assert not (tmp_path / "refused-mentors.csv").exists()
    mended = (
        text.replace("'=Lee", "Lee")
        .replace(",x,", ",0,")
        .replace("mo,,,", "mo@y.org,,,")
        .replace("no,,,", "no@y.org,,,")
    )
    assert run(*sheets(tmp_path, mentees=mended)).exit_code == 0


def test_people_who_share_a_name_are_shown_with_their_address(tmp_path: Path) -> None:
    mentees = "name,mail,first,second,waits\n" + "".join(f"Jo [/b] :smile:,jo{n}@y.org,,,\n" for n in range(3))
    done = run(*sheets(tmp_path, mentees=mentees))
    assert done.exit_code == 0, done.output
    assert "Jo [/b] :smile:" in " ".join(done.stdout.split())
    assert "@y.org>" in done.stdout


def test_a_round_without_pairs_ends_with_3_and_the_reason(tmp_path: Path) -> None:
    done = run(*sheets(tmp_path, mapping=PLAN.replace('capacity: {constant: "1"}', 'capacity: {constant: "0"}')))
    assert done.exit_code == 3
    assert "nobody may be matched: the mentor takes no mentees (field capacity or hours_per_month is 0)" in done.stderr
    assert "mentors without a mentee" in done.stdout


def test_people_need_no_address_where_their_names_differ(tmp_path: Path) -> None:
    mapping = PLAN.replace("      email: {column: mail}\n", "").replace(", mentors: [wanted]", "")
    mentors, mentees = "name\nAda\nBo\n", "name,first,second,waits\nJo,Bo,,\nJo,,,\n"
    done = run(*sheets(tmp_path, mentors=mentors, mentees=mentees, mapping=mapping))
    assert "line 3: has the same name as line 2, and no address or number tells them apart" in done.stderr
    done = run(*sheets(tmp_path, mentors=mentors, mentees=mentees.replace("\nJo,,,", "\nKy,,,"), mapping=mapping))
    assert done.exit_code == 0, done.output


def test_a_file_is_explained_before_there_is_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "mentors.csv").write_text("First name;Last name;E-mail;Topics;Gender\nAda;Lovelace;ada@x.org;ECG;x\n")
    done = run("--explain-file", tmp_path / "mentors.csv")
    assert done.exit_code == 0, done.output
    assert "CSV, utf-8, delimiter ;; 1 rows" in done.stdout
    assert 'name: {columns: ["First name", "Last name"]}' in done.stdout
    assert 'ignore: ["Gender"]' in done.stdout
    assert "line 2: name = Ada Lovelace, email = ada@x.org, topics_offered = ['ecg']" in done.stdout


def test_fields_that_a_file_gives_count(tmp_path: Path) -> None:
    """Only the shared hour tells the mentors apart."""
    mapping = PLAN.replace("      hours_per", '      available: {column: free, split: " "}\n      hours_per').replace(
        "waiting_days: waits,", "weights: {availability: 100, load: 0},"
    )
    mentors = "name,mail,wanted,free\nAda,ada@x.org,,mon-09-12\nBo,bo@x.org,,fri-17-20\n"
    mentees = "name,mail,first,second,free\nJo,jo@y.org,,,fri-17-20\n"
    done = run(*sheets(tmp_path, mentors=mentors, mentees=mentees, mapping=mapping), "--csv", tmp_path / "mail.csv")
    assert done.exit_code == 0, done.output
    assert mailing(tmp_path)["Jo"]["mentor name"] == "Bo"


def test_hundreds_of_topics_are_compared(tmp_path: Path) -> None:
    mapping = PLAN.replace("{constant: [research]}", '{column: topics, split: ";", slug: true}')
    topics = [f"topic {number}" for number in range(200)]
    mentors = "name,mail,wanted,topics\n" + "".join(f"M{n},m{n}@x.org,,{topic}\n" for n, topic in enumerate(topics))
    mentees = "name,mail,first,second,waits,topics\n" + "Jo,jo@y.org,,,,topic 7;topic 150\nKy,ky@y.org,,,,topic 150\n"
    done = run(*sheets(tmp_path, mentors=mentors, mentees=mentees, mapping=mapping), "--csv", tmp_path / "mail.csv")
    assert done.exit_code == 0, done.output
    assert {name: row["mentor name"] for name, row in mailing(tmp_path).items()} == {"Jo": "M7", "Ky": "M150"}


def test_the_choosers_without_choices_are_ranked_by_score_as_before(tmp_path: Path) -> None:
    assert run(*sheets(tmp_path, mentors=MENTORS)).exit_code == 0
    round = json.loads((tmp_path / "input.json").read_text())
    assert [len(mentee["wishes"]) for mentee in round["mentees"]] == [2, 2]
