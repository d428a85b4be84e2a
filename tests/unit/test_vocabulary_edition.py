"""The first edition is a valid vocabulary, in which every topic of the demo is known."""

from deploy.demo.network import people
from deploy.vocabulary.edition import read_edition
from services.profiles.vocabulary.api import NewTerm
from services.profiles.vocabulary.domain.vocabulary import Vocabulary


def test_the_first_edition_is_a_vocabulary_in_which_no_name_means_two_topics() -> None:
    terms = [NewTerm.model_validate(term).to_term() for term in read_edition()]
    Vocabulary([]).check(terms)
    assert len({term.id for term in terms}) == len(terms) >= 150
    known = Vocabulary(terms)
    for name, id in {
        "Karriereplanung": "career-planning",
        "CV writing": "job-applications",
        "ekg": "reading-ecgs",
    }.items():
        meant = known.meaning("topic", name, None)
        assert meant is not None
        assert meant.id == id


def test_the_first_edition_knows_every_topic_of_the_demo() -> None:
    known = Vocabulary([NewTerm.model_validate(term).to_term() for term in read_edition()])
    written = {topic for person in people(200) for topic in (*person.topics_offered, *person.topics_wanted)}
    assert {topic for topic in written if known.meaning("topic", topic, None) is None} == set()
