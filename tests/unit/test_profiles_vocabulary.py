"""What stays true of the vocabulary, whatever is changed and in whatever order."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.vocabulary.domain import terms, vocabulary
from services.profiles.vocabulary.domain.terms import Term
from services.profiles.vocabulary.domain.unknown import Unknown, with_nearest
from services.profiles.vocabulary.domain.vocabulary import MOST_LEVELS, Vocabulary
from shared.errors import Rejected
from tests.depth import examples

NORTH, SOUTH = "north", "south"
INSTITUTIONS = [NORTH, SOUTH]


def term(id: str = "career-development", **fields: Any) -> Term:
    return Term(**{"id": id, "kind": "topic", "labels": {"en": id.replace("-", " ").title()}, **fields})


def refused(known: list[Term], changed: Term) -> list[tuple[str, str]]:
    with pytest.raises(Rejected) as caught:
        Vocabulary(known).check([changed])
    return [(error.field, error.message) for error in caught.value.errors]


def test_a_name_is_known_in_any_spelling_that_has_its_slug() -> None:
    known = Vocabulary(
        [term(labels={"en": "Career development", "de": "Berufsübergänge"}, other_names=("\uff23areer Planning",))]
    )
    for name in (
        "career_development",
        "Career  Development",
        "BERUFSÜBERGÄNGE",
        "berufsuebergaenge",
        "career-planning",
    ):
        found = known.meaning("topic", name, None)
        assert found is not None, name
    assert known.meaning("specialty", "career-development", None) is None
    assert known.meaning("topic", "careers", None) is None


def test_an_institutions_own_name_means_the_term_there_only() -> None:
    own = terms.with_names(term(), NORTH, ["Karriereplanung", "karriere-planung", "KARRIEREPLANUNG"])
    known = Vocabulary([own])
    assert own.institution_slugs == {NORTH: ("karriereplanung", "karriere-planung")}
    assert known.meaning("topic", "karriereplanung", NORTH) == own
    assert known.meaning("topic", "karriereplanung", SOUTH) is None
    assert terms.with_names(own, NORTH, []).institution_names == {}


def test_an_institution_has_no_more_own_names_than_each_change_can_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_OWN_NAMES", 3)
    known = [terms.with_names(term(), NORTH, ["a", "b"]), terms.with_names(term("research"), SOUTH, ["c", "d"])]
    Vocabulary(known).check([terms.with_names(term("ethics"), NORTH, ["e"])])
    assert refused(known, terms.with_names(term("ethics"), NORTH, ["e", "f"])) == [
        ("names", "must be at most 3 of one institution in all")
    ]


def test_a_name_that_means_another_term_is_refused_with_which_one() -> None:
    other = terms.with_names(term("research", other_names=("science",)), NORTH, ["Forschung"])
    means = "means the term research already: take it from that term first"
    assert refused([other], term(labels={"en": "Science"})) == [("labels.en", means)]
    assert refused([other], terms.with_names(term(), NORTH, ["x", "FORSCHUNG"])) == [("names.1", means)]
    assert refused([other], terms.with_names(term(), SOUTH, ["science"])) == [("names.0", means)]
    Vocabulary([other]).check([terms.with_names(term(), SOUTH, ["Forschung"])])
    assert refused([], term(other_names=("…",))) == [("other_names.0", "must have a letter or a digit")]


def test_an_institutions_own_name_does_not_keep_the_network_from_using_it_and_goes_first_there() -> None:
    own = terms.with_names(term("research"), NORTH, ["Forschung"])
    common = term("investigation", labels={"en": "Forschung"})
    Vocabulary([own]).check([common])
    known = Vocabulary([own, common])
    assert known.meaning("topic", "forschung", NORTH) == own
    assert known.meaning("topic", "forschung", SOUTH) == common
    assert known.names("topic", NORTH)["forschung"] == "research"
    known.check([terms.with_names(own, NORTH, ["Forschung", "Labor"])])
    assert refused([own, common], terms.with_names(own, SOUTH, ["Forschung"]))[0][0] == "names.0"


def test_broader_terms_are_known_terms_of_the_kind_without_a_cycle_and_at_few_levels() -> None:
    chain = [term("t0")] + [term(f"t{level}", broader=(f"t{level - 1}",)) for level in range(1, MOST_LEVELS)]
    Vocabulary([]).check(chain)
    levels = [("broader", f"must form no cycle, and at most {MOST_LEVELS} levels")]
    assert refused(chain, term("deeper", broader=(f"t{MOST_LEVELS - 1}",))) == levels
    assert refused(chain, term("t0", broader=("t2",))) == levels
    assert refused(chain, term("t0", broader=("t0",)))[0][0] == "broader.0"
    assert refused([term("surgery", kind="specialty")], term(broader=("surgery",))) == [
        ("broader.0", "must be another topic of the vocabulary: surgery is not")
    ]


def test_a_successor_is_a_term_of_the_kind_that_does_not_lead_back() -> None:
    old, new = term("old", successor="new"), term("new")
    Vocabulary([new]).check([old])
    assert refused([old, new], term("new", successor="old")) == [("successor", "must not lead back to the term itself")]
    assert refused([], old) == [("successor", "must be a topic of the vocabulary: new is not")]


_names = st.sampled_from(["a", "b", "c", "A", "d e", "d-e", "é"])


@st.composite
def new_terms(draw: st.DrawFn) -> Term:
    own = draw(st.dictionaries(st.sampled_from(INSTITUTIONS), st.lists(_names, min_size=1, max_size=2).map(tuple)))
    return Term(
        id=terms.slugs_of([draw(_names)])[0],
        kind="topic",
        labels={"en": draw(_names)},
        other_names=tuple(draw(st.lists(_names, max_size=2))),
        institution_names=own,
        broader=tuple(draw(st.lists(st.sampled_from("abc"), max_size=1))),
    )


@examples(200)
@given(st.lists(new_terms(), max_size=8), st.randoms(use_true_random=False))
def test_no_name_means_two_terms_and_no_order_of_terms_changes_a_meaning(changes: list[Term], dice: Any) -> None:
    known: dict[str, Term] = {}
    for changed in changes:
        try:
            Vocabulary(known.values()).check([changed])
        except Rejected:
            continue
        known[changed.id] = changed
    shuffled = list(known.values())
    dice.shuffle(shuffled)
    vocabulary, other = Vocabulary(known.values()), Vocabulary(shuffled)
    for institution in (None, *INSTITUTIONS):
        for name in ("a", "b", "c", "d-e", "e"):
            own = [each.id for each in known.values() if name in each.institution_slugs.get(institution or "", ())]
            common = [each.id for each in known.values() if name in each.slugs]
            found = vocabulary.meaning("topic", name, institution)
            assert ([found.id] if found else []) == (own or common)
            assert found == other.meaning("topic", name, institution)
        assert vocabulary.names("topic", institution) == other.names("topic", institution)


def test_the_nearest_terms_of_an_unknown_name_are_the_most_similar() -> None:
    known = Vocabulary(
        [term(), term("career-change"), term("sepsis"), replace(term("careers"), other_names=("career",))]
    )
    [found] = with_nearest([Unknown(name="carreer-developement", members=3)], known.names("topic", None))
    assert found.nearest[0] == "career-development"
    assert "sepsis" not in found.nearest
    assert with_nearest([Unknown(name="xylophone", members=1)], known.names("topic", None))[0].nearest == ()
