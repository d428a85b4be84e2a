"""What written topics mean, whatever order terms arrive in, and whom a changed term touches."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.matching.kernel import scoring
from services.matching.kernel.vocabulary import Resolved, Term, Vocabulary
from tests.depth import examples
from tests.unit.matching_people import mentee, mentor

NORTH, SOUTH = "north", "south"
CAREER = Term(
    id="career-development",
    slugs=frozenset({"career-development", "career-planning"}),
    institution_slugs={SOUTH: frozenset({"karriereplanung"})},
    broader=("careers",),
)
CAREERS = Term(id="careers", slugs=frozenset({"careers"}))
INTERVIEWS = Term(id="interviews", slugs=frozenset({"interviews"}), broader=("career-development",))
KNOWN = Vocabulary([CAREER, CAREERS, INTERVIEWS], revision=3)


def offered(*topics: str, at: str = NORTH, by: Vocabulary = KNOWN) -> Resolved:
    return by.resolve(at, offered=topics, wanted=(), specialty=None)


def test_a_written_topic_means_the_term_that_has_the_name_there_or_itself() -> None:
    assert offered("career_planning", "sepsis").offered == {"career-development", "sepsis"}
    assert offered("karriereplanung").offered == {"karriereplanung"}
    assert offered("karriereplanung", at=SOUTH).offered == {"career-development"}
    assert offered("karriereplanung", at=SOUTH).known_as == {"karriereplanung": "career-development"}
    assert Vocabulary().resolve(NORTH, offered=["a_b"], wanted=["c"], specialty="d").offered == {"a_b"}


def test_a_specialty_is_resolved_among_specialties_only() -> None:
    surgery = Term(id="surgery", kind="specialty", slugs=frozenset({"surgery", "chirurgie"}))
    found = Vocabulary([surgery]).resolve(NORTH, offered=["chirurgie"], wanted=[], specialty="chirurgie")
    assert (found.specialty, found.offered) == ("surgery", {"chirurgie"})


def test_broader_and_narrower_terms_of_what_is_offered_are_near() -> None:
    assert offered("career-planning").near == {"careers", "interviews"}
    assert offered("career-planning", "careers").near == {"interviews"}
    assert offered("sepsis").near == frozenset()


def test_a_deprecated_term_means_its_successor_and_has_no_place_of_its_own() -> None:
    old = replace(CAREER, successor="careers")
    by = Vocabulary([old, CAREERS, INTERVIEWS])
    assert offered("career-planning", by=by).offered == {"careers"}
    assert offered("careers", by=by).near == {"interviews"}
    assert offered("interviews", by=by).near == {"careers"}
    circle = [replace(CAREER, successor="careers"), replace(CAREERS, successor="career-development")]
    assert offered("careers", by=Vocabulary(circle)).offered == {"careers"}


def test_a_most_wanted_topic_counts_twice_under_the_name_that_the_vocabulary_gives_it() -> None:
    who = mentee(
        topics_wanted=frozenset({"career-development", "sepsis"}),
        known_as={"karriereplanung": "career-development"},
        topics_most_wanted=frozenset({"karriereplanung"}),
    )
    assert scoring.factors_of(who, mentor(topics_offered=frozenset({"career-development"})))[0] == 66


_ids = st.sampled_from("abcde")
_names = st.frozensets(st.sampled_from([*"abcde", "x", "y"]), max_size=2)


@st.composite
def vocabularies(draw: st.DrawFn) -> dict[str, Term]:
    return {id: draw(terms(id)) for id in draw(st.sets(_ids))}


@st.composite
def terms(draw: st.DrawFn, id: str) -> Term:
    return Term(
        id=id,
        kind=draw(st.sampled_from(["topic", "topic", "specialty"])),
        slugs=draw(_names) | {id},
        institution_slugs=draw(st.dictionaries(st.sampled_from([NORTH, SOUTH]), _names)),
        broader=tuple(draw(st.lists(_ids, max_size=2))),
        successor=draw(st.none() | _ids),
    )


_written = st.lists(st.sampled_from([*"abcde", "x", "y", "z"]), max_size=3)
_people = st.tuples(st.sampled_from([NORTH, SOUTH]), _written, _written, st.none() | _ids)


def resolved(by: Vocabulary, who: Any) -> Resolved:
    institution, offers, wants, specialty = who
    return by.resolve(institution, offered=offers, wanted=wants, specialty=specialty)


@examples(200)
@given(vocabularies(), _people, st.randoms(use_true_random=False))
def test_a_meaning_does_not_depend_on_the_order_of_terms(known: dict[str, Term], who: Any, dice: Any) -> None:
    shuffled = list(known.values())
    dice.shuffle(shuffled)
    assert resolved(Vocabulary(known.values()), who) == resolved(Vocabulary(shuffled), who)
    found = resolved(Vocabulary(known.values()), who)
    assert not found.near & found.offered


@examples(400)
@given(vocabularies(), st.lists(_ids.flatmap(terms), min_size=1, max_size=3), _people)
def test_members_whose_topics_change_their_meaning_are_found_by_words_of_the_terms(
    known: dict[str, Term], changes: list[Term], who: Any
) -> None:
    before = resolved(Vocabulary(known.values()), who)
    words: set[str] = set()
    for changed in changes:
        words |= changed.words | (known[changed.id].words if changed.id in known else frozenset())
        known[changed.id] = changed
    after = Vocabulary(known.values())
    if resolved(after, who) != before:
        assert before.words & after.touched_by(words)
