"""Medical specialties as a tree of three levels, and the closeness of two of them.

Source of the two lower levels: the certificates of the American Board of Medical Specialties, each subspecialty under
its specialty (certificationmatters.org); one that several boards certify is under the first. Specialties that exist
only in Europe (the UEMS specialist sections, uems.eu) are added. Branches and shortened names are our own.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from services.matching.kernel.columns import Ints

SAME, ONE_IN_THE_OTHER, SAME_SPECIALTY, SAME_BRANCH, APART = 100, 75, 50, 20, 0

TREE: Mapping[str, Mapping[str, str]] = {
    "medical": {
        "internal-medicine": "cardiology cardiac-electrophysiology interventional-cardiology heart-failure-cardiology "
        "adult-congenital-heart-disease critical-care-medicine endocrinology gastroenterology geriatric-medicine "
        "hematology hospital-medicine infectious-disease medical-oncology nephrology pulmonary-medicine rheumatology "
        "transplant-hepatology",
        "allergy-immunology": "",
        "dermatology": "dermatopathology micrographic-dermatologic-surgery pediatric-dermatology",
        "emergency-medicine": "emergency-medical-services medical-toxicology undersea-hyperbaric-medicine "
        "disaster-medicine",
        "family-medicine": "rural-medicine",
        "hospice-palliative-medicine": "",
        "neurology": "child-neurology clinical-neurophysiology epilepsy neurocritical-care neuromuscular-medicine "
        "vascular-neurology",
        "pediatrics": "adolescent-medicine child-abuse-pediatrics developmental-behavioral-pediatrics neonatology "
        "pediatric-cardiology pediatric-critical-care-medicine pediatric-emergency-medicine pediatric-endocrinology "
        "pediatric-gastroenterology pediatric-hematology-oncology pediatric-hospital-medicine "
        "pediatric-infectious-disease pediatric-nephrology pediatric-pulmonology pediatric-rheumatology",
        "physical-medicine-rehabilitation": "brain-injury-medicine pain-medicine pediatric-rehabilitation-medicine "
        "spinal-cord-injury-medicine sports-medicine",
        "preventive-medicine": "aerospace-medicine occupational-medicine public-health clinical-informatics",
        "psychiatry": "addiction-medicine child-psychiatry consultation-liaison-psychiatry forensic-psychiatry "
        "geriatric-psychiatry psychosomatic-medicine",
        "sleep-medicine": "",
    },
    "surgical": {
        "surgery": "complex-surgical-oncology hand-surgery pediatric-surgery surgical-critical-care trauma-surgery "
        "vascular-surgery transplant-surgery endocrine-surgery breast-surgery",
        "anesthesiology": "adult-cardiac-anesthesiology pediatric-anesthesiology intensive-care-medicine",
        "colorectal-surgery": "",
        "neurosurgery": "endovascular-neurosurgery pediatric-neurosurgery",
        "obstetrics-gynecology": "complex-family-planning gynecologic-oncology maternal-fetal-medicine "
        "reproductive-endocrinology-infertility urogynecology",
        "ophthalmology": "",
        "oral-maxillofacial-surgery": "",
        "orthopedic-surgery": "orthopedic-sports-medicine orthopedic-trauma spine-surgery",
        "otolaryngology": "complex-pediatric-otolaryngology neurotology",
        "plastic-surgery": "head-neck-plastic-surgery",
        "thoracic-surgery": "cardiac-surgery congenital-cardiac-surgery",
        "urology": "pediatric-urology",
    },
    "diagnostic": {
        "pathology": "blood-banking-transfusion-medicine chemical-pathology cytopathology forensic-pathology "
        "hematopathology medical-microbiology molecular-genetic-pathology neuropathology pediatric-pathology "
        "laboratory-medicine",
        "radiology": "interventional-radiology neuroradiology pediatric-radiology",
        "radiation-oncology": "",
        "nuclear-medicine": "",
        "medical-genetics": "clinical-biochemical-genetics laboratory-genetics medical-biochemical-genetics",
    },
}

ALSO_CALLED: Mapping[str, str] = {
    "anaesthesia": "anesthesiology",
    "anaesthesiology": "anesthesiology",
    "anesthesia": "anesthesiology",
    "cardiothoracic-surgery": "thoracic-surgery",
    "cardiovascular-disease": "cardiology",
    "child-and-adolescent-psychiatry": "child-psychiatry",
    "child-adolescent-psychiatry": "child-psychiatry",
    "diagnostic-radiology": "radiology",
    "ear-nose-throat": "otolaryngology",
    "ent": "otolaryngology",
    "general-medicine": "internal-medicine",
    "general-practice": "family-medicine",
    "general-surgery": "surgery",
    "geriatrics": "geriatric-medicine",
    "gynaecology": "obstetrics-gynecology",
    "haematology": "hematology",
    "infectious-diseases": "infectious-disease",
    "intensive-care": "intensive-care-medicine",
    "medical-microbiology-and-infection": "medical-microbiology",
    "neonatal-medicine": "neonatology",
    "neonatal-perinatal-medicine": "neonatology",
    "neurological-surgery": "neurosurgery",
    "obstetrics-and-gynaecology": "obstetrics-gynecology",
    "obstetrics-and-gynecology": "obstetrics-gynecology",
    "obstetrics-gynaecology": "obstetrics-gynecology",
    "oncology": "medical-oncology",
    "orthopaedic-surgery": "orthopedic-surgery",
    "orthopaedics": "orthopedic-surgery",
    "orthopedics": "orthopedic-surgery",
    "otorhinolaryngology": "otolaryngology",
    "paediatric-cardiology": "pediatric-cardiology",
    "paediatric-surgery": "pediatric-surgery",
    "paediatrics": "pediatrics",
    "palliative-care": "hospice-palliative-medicine",
    "palliative-medicine": "hospice-palliative-medicine",
    "physiatry": "physical-medicine-rehabilitation",
    "pneumology": "pulmonary-medicine",
    "pulmonology": "pulmonary-medicine",
    "radiotherapy": "radiation-oncology",
    "respiratory-medicine": "pulmonary-medicine",
}
"""Other spellings and names of the same field."""


def _paths() -> Iterator[tuple[str, tuple[str, ...]]]:
    for branch, specialties in TREE.items():
        for specialty, within in specialties.items():
            yield specialty, (branch, specialty)
            yield from ((term, (branch, specialty, term)) for term in within.split())


PATHS: Mapping[str, tuple[str, ...]] = dict(_paths())
"""Path of each term, from its branch to the term itself."""
NUMBERS: Mapping[str, int] = {term: number for number, term in enumerate(PATHS)}


def known_as(term: str | None) -> str | None:
    """The canonical name of a term; a term that the tree does not have is returned unchanged."""
    return None if term is None else ALSO_CALLED.get(term, term)


def shared_specialty(term: str | None, other: str | None) -> str | None:
    """The specialty that both terms are or belong to; None where there is none."""
    paths = [PATHS.get(known_as(each) or "", ()) for each in (term, other)]
    if not all(paths) or paths[0][:2] != paths[1][:2]:
        return None
    return paths[0][1]


def closeness(term: str | None, other: str | None) -> int:
    """0 to 100. A term that the tree does not have is close to itself only."""
    term, other = known_as(term), known_as(other)
    if term is None or other is None:
        return APART
    if term == other:
        return SAME
    return _near(PATHS.get(term, (term,)), PATHS.get(other, (other,)))


def _near(path: tuple[str, ...], other: tuple[str, ...]) -> int:
    if path in (other[:2], other) or other == path[:2]:
        return ONE_IN_THE_OTHER
    if path[:2] == other[:2]:
        return SAME_SPECIALTY
    return SAME_BRANCH if path[:1] == other[:1] else APART


_SIZE = len(PATHS)


def _near_table() -> Ints:
    """`closeness` of every two terms of the tree. The last row and column are for all other terms, and for UNKNOWN."""
    branches = {branch: number for number, branch in enumerate(TREE)}
    branch = np.array([branches[path[0]] for path in PATHS.values()])
    specialty = np.array([NUMBERS[path[1]] for path in PATHS.values()])
    is_specialty = specialty == np.arange(_SIZE)
    within = np.where(is_specialty[:, None] | is_specialty, ONE_IN_THE_OTHER, SAME_SPECIALTY)
    near = np.where(branch[:, None] == branch, SAME_BRANCH, APART)
    near = np.where(specialty[:, None] == specialty, within, near)
    np.fill_diagonal(near, SAME)
    return np.pad(near, (0, 1), constant_values=APART).astype(np.int32)


_NEAR = _near_table()


def nearness(terms: Ints, others: Ints) -> Ints:
    """`closeness` of columns: terms of the tree by NUMBERS, others by any larger number, UNKNOWN for none."""
    row, column = np.minimum(terms.view(np.uint32), _SIZE), np.minimum(others.view(np.uint32), _SIZE)
    near = _NEAR.ravel().take(row * np.uint32(_SIZE + 1) + column, mode="clip")
    if (terms >= _SIZE).any() and (others >= _SIZE).any():
        near = near + ((terms == others) & (terms >= _SIZE)) * np.int32(SAME)
    return near
