"""Whatever is changed in either file is found: a flipped byte by the hashes, a forger who seals again by the proofs."""

import copy
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deploy.verify import Wrong, main, verify
from services.matching.rounds.solver.solving import solve
from tests.depth import examples
from tests.unit.rounds_kit import Document, content, document, documents, mentee, mentor, pair, resealed, wish

FIT = document(
    [mentor("ada", 1), mentor("bo", 1), mentor("cy", 0), mentor("di", 1)],
    [
        mentee("jo", wish("ada", 1, mentor_rank=2, score=5), wish("bo", 2, mentor_rank=1, score=3)),
        mentee("ky", wish("ada", 1, mentor_rank=1, score=9), wish("cy", 2, mentor_rank=1, score=1), waiting_days=3),
        mentee("li", wish("ada", 1, mentor_rank=3, score=4), wish("cy", 2, mentor_rank=2, score=1)),
        mentee("mo", wish("di", 2, mentor_rank=2, score=7), wish("bo", 1, mentor_rank=2, score=8)),
        mentee("no"),
    ],
    pins=[pair("mo", "di")],
    exclusions=[pair("li", "cy")],
)
COVERAGE = {**FIT, "target": "coverage"}


def solved(given: Document) -> Document:
    value: Document = json.loads(solve(content(given)).file())
    return value


@pytest.mark.parametrize("given", [FIT, COVERAGE], ids=["fit", "coverage"])
def test_every_flipped_byte_of_either_file_is_found(given: Document) -> None:
    input_file, result_file = content(given), solve(content(given)).file()
    verify(input_file, result_file)
    for place in range(len(input_file)):
        with pytest.raises(Wrong):
            verify(flipped(input_file, place), result_file)
    for place in range(len(result_file)):
        with pytest.raises(Wrong):
            verify(input_file, flipped(result_file, place))


def flipped(file: bytes, place: int, by: int = 1) -> bytes:
    return file[:place] + bytes([file[place] ^ by]) + file[place + 1 :]


def test_pairs_beyond_a_ceiling_are_found_in_any_input() -> None:
    """A solver that passed over the ceiling, and a round whose wishes could exceed it."""
    two = [mentee("jo", wish("ada", 1)), mentee("ky", wish("bo", 1))]
    given = document([mentor("ada", institution="south"), mentor("bo", institution="south")], two)
    within = {"mentee_institution": "north", "mentor_institution": "south", "at_most": 2}
    verify(content({**given, "exchanges": [within]}), solve(content({**given, "exchanges": [within]})).file())
    beyond = content({**given, "exchanges": [{**within, "at_most": 1}]})
    known = json.loads(solve(content(given)).file())
    hashes = {"sha256": sha256(beyond.strip()).hexdigest(), "file_sha256": sha256(beyond).hexdigest()}
    with pytest.raises(Wrong, match="wishes of north across to south: 2, not 1"):
        verify(beyond, resealed({**known, "input": hashes}))


def test_an_input_that_forbids_a_pair_of_unknown_people_is_refused() -> None:
    given = content({**FIT, "exclusions": [*FIT["exclusions"], pair("jo", "zed")]})
    hashes = {"sha256": sha256(given.strip()).hexdigest(), "file_sha256": sha256(given).hexdigest()}
    with pytest.raises(Wrong, match="input/exclusions: jo or zed is unknown"):
        verify(given, resealed({**solved(FIT), "input": hashes}))


@examples(300)
@given(documents(), st.data())
def test_no_change_anywhere_passes(given: Document, data: st.DataObject) -> None:
    files = [content(given), solve(content(given)).file()]
    which = data.draw(st.integers(0, 1))
    file = files[which]
    start = data.draw(st.integers(0, len(file)))
    end = data.draw(st.integers(start, min(len(file), start + 5)))
    files[which] = file[:start] + data.draw(st.binary(max_size=5)) + file[end:]
    assume(files[which] != file)
    with pytest.raises(Wrong):
        verify(*files)


NOT_PROVEN = {"solver", "sha256", "input"}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every value that is no container, and every list."""
    if isinstance(value, dict):
        return [place for name, part in value.items() for place in places(part, (*path, name))]
    inner = enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for nth, part in inner for place in places(part, (*path, nth)))]


def others(value: Any) -> list[Any]:
    """What a forger might write instead."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, max(0, value - 1), 0]
    if isinstance(value, list):
        return [value[:-1], value[::-1], [*value, *value[:1]]]
    return ["ada", "bo", "jo", "outranked", "outweighed", "closed", None, 0]


def put(document: Document, path: tuple[Any, ...], value: Any) -> Document:
    changed = copy.deepcopy(document)
    inner: Any = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize("given", [FIT, COVERAGE], ids=["fit", "coverage"])
def test_a_changed_value_is_found_though_the_result_is_sealed_again(given: Document) -> None:
    """All but the other target's figures: those only `./dev match --replay` can judge."""
    result = solved(given)
    other = "coverage" if given["target"] == "fit" else "fit"
    tried = 0
    for path in places(result):
        if path[0] in NOT_PROVEN or path[:2] == ("figures", other):
            continue
        old: Any = result
        for part in path:
            old = old[part]
        for new in others(old):
            if new == old and type(new) is type(old):
                continue
            tried += 1
            with pytest.raises(Wrong):
                verify(content(given), resealed(put(result, path, new)))
    assert tried > 200


@examples(300)
@given(documents(target="fit"), st.data())
def test_a_result_of_a_changed_round_is_refused(drawn: Document, data: st.DataObject) -> None:
    """The whole result of a round with one seat more, sealed for this one. Fit has one outcome, so none passes."""
    given = {**drawn, "compare": False, "mentors": drawn["mentors"] or [mentor("h0")]}
    place = data.draw(st.integers(0, len(given["mentors"]) - 1))
    true = solved(given)
    forged = solved(put(given, ("mentors", place, "capacity"), given["mentors"][place]["capacity"] + 1))
    forged["input"] = true["input"]
    if resealed(forged) != resealed(true):  # a seat that nobody wants changes nothing
        with pytest.raises(Wrong):
            verify(content(given), resealed(forged))


def test_another_stable_matching_that_is_worse_for_mentees_is_found() -> None:
    """Two mentees, two mentors, each side's first choice the other's last: mentors' best is stable too."""
    given = document(
        [mentor("ada"), mentor("bo")],
        [
            mentee("jo", wish("ada", 1, mentor_rank=2), wish("bo", 2, mentor_rank=1)),
            mentee("ky", wish("bo", 1, mentor_rank=2), wish("ada", 2, mentor_rank=1)),
        ],
        compare=False,
    )
    forged = solved(given)
    for index, other, better in ((0, "bo", "ada"), (1, "ada", "bo")):
        entry = {"mentor": other, "place": 2, "better": [{"mentor": better, "why": "outranked", "margin": 1}]}
        forged["mentees"][index].update(entry)
    forged["mentors"][0]["mentees"], forged["mentors"][1]["mentees"] = ["ky"], ["jo"]
    forged["figures"]["fit"].update(first_choices=0, mean_place_thousandths=2000)
    with pytest.raises(Wrong, match="another stable matching is better"):
        verify(content(given), resealed(forged))


def test_the_first_error_is_printed(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "input.json", tmp_path / "result.json"]
    files[0].write_bytes(content(FIT))
    files[1].write_bytes(solve(content(FIT)).file())
    names = [str(file) for file in files]
    assert main(names) == 0
    assert "4 of 5" not in capsys.readouterr().err
    files[0].write_bytes(content(FIT).replace(b'"capacity":1', b'"capacity":2', 1))
    assert main(names) == 1
    assert capsys.readouterr().err == "wrong: result/input/file_sha256: is of another input file\n"
    files[1].unlink()
    assert main(names) == 2, "nothing was checked: that is another answer than a false result"
    assert "No such file" in capsys.readouterr().err
    assert main([]) == 2


def test_values_without_a_canonical_form_are_wrong_and_never_a_traceback() -> None:
    good = content(FIT), solve(content(FIT)).file()
    lone = good[1].replace(b'"preceptor-rounds-2"', b'"\\ud800"')
    for result in (lone, good[1].replace(b'"place":1', b'"place":NaN')):
        with pytest.raises(Wrong):
            verify(good[0], result)
    for junk in (b'{"a":NaN}', b'{"a":"\\ud800"}', b'{"a":' * 900 + b"1" + b"}" * 900):
        forged = {**solved(FIT), "input": {"sha256": "0", "file_sha256": sha256(junk).hexdigest()}}
        with pytest.raises(Wrong):
            verify(junk, resealed(forged))


@pytest.mark.parametrize(
    "junk", [b"", b"{}", b"[]", b"null", b"[" * 200_000, b"9" * 10_000, b"\xff" * 99, b'{"a":NaN}']
)
def test_malformed_input_is_an_error_and_never_a_traceback(junk: bytes) -> None:
    good = content(FIT), solve(content(FIT)).file()
    for files in ((junk, good[1]), (good[0], junk), (junk, junk)):
        with pytest.raises(Wrong):
            verify(*files)
    if junk[:1] == b"{" or junk in (b"[]", b"null"):
        forged = {**solved(FIT), "input": {"sha256": "0", "file_sha256": "0"}}
        with pytest.raises(Wrong):
            verify(junk, resealed(forged))
