"""The steps of the profile: which fields each shows, and how a field is read from a form and shown in it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.web.clients.profiles import Own
from services.web.labels import N_
from services.web.pages.forms import Form
from services.web.pages.weights import FACTORS, MOST_WEIGHT, WRONG_NUMBER
from shared.spreadsheets.cleaning import slug

Kind = Literal["line", "lines", "area", "choice", "many", "terms", "languages", "number", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    kind: Kind
    label: str
    hint: str = ""
    codes: tuple[str, ...] = ()
    """Of a choice, in the order of the form; `of` names their words."""
    of: str = ""
    role: str = ""
    """Only for people with this role in a programme."""
    least: int = 0
    most: int = 0

    def is_for(self, profile: Own) -> bool:
        return not self.role or profile.has_role(self.role)

    def shown(self, profile: Own) -> Sequence[str]:
        value = getattr(profile, self.name)
        if self.kind == "terms":
            return ["\n".join(term.replace("-", " ").replace("_", " ") for term in value)]
        if self.kind == "lines":
            return ["\n".join(value)]
        if self.kind == "flag":
            return ["yes"] if value else []
        if self.kind in {"many", "languages"}:
            return list(value)
        return [str(value if value is not None else "")]

    def read(self, form: Form) -> Any:
        """Raises `ValueError` with what would be right."""
        if self.kind in {"many", "languages"}:
            return list(form.many(self.name))
        if self.kind == "flag":
            return form.has(self.name, "yes")
        if self.kind == "number":
            return whole_number(form.text(self.name), least=self.least, most=self.most)
        if self.kind == "lines":
            return form.text(self.name).split()
        if self.kind == "terms":
            return list(dict.fromkeys(filter(None, map(slug, re.split(r"[\n,;]", form.text(self.name))))))
        text = form.text(self.name).strip()
        return None if self.kind == "choice" and not text else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    key: str
    title: str
    intro: str = ""
    fields: tuple[Field, ...]

    def fields_for(self, profile: Own) -> Sequence[Field]:
        return [field for field in self.fields if field.is_for(profile)]

    def form(self, profile: Own) -> Form:
        return Form({field.name: field.shown(profile) for field in self.fields_for(profile)})

    def read(self, form: Form, profile: Own) -> tuple[dict[str, Any], dict[str, str]]:
        """The values, and an error for each field that cannot be read."""
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for field in self.fields_for(profile):
            try:
                values[field.name] = field.read(form)
            except ValueError as wrong:
                errors[field.name] = str(wrong)
        return values, errors

    def differences(self, form: Form, profile: Own) -> Iterator[tuple[Field, Sequence[str], Sequence[str]]]:
        """Where what was typed differs from what is stored now: the field, typed and stored."""
        for field in self.fields_for(profile):
            typed, stored = list(form.values.get(field.name, [])), list(field.shown(profile))
            if [text for text in typed if text] != [text for text in stored if text]:
                yield field, typed, stored


def whole_number(text: str, *, most: int, least: int = 0) -> int:
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdecimal() and least <= int(stripped[:9]) <= most):
        raise ValueError(WRONG_NUMBER)
    return int(stripped)


def weights_of(form: Form) -> tuple[Mapping[str, int], Mapping[str, str]]:
    """The factors that a person has weighed; an empty field leaves the weight to the programme."""
    weights: dict[str, int] = {}
    errors: dict[str, str] = {}
    for factor in FACTORS:
        if not form.text(factor).strip():
            continue
        try:
            weights[factor] = whole_number(form.text(factor), most=MOST_WEIGHT)
        except ValueError as wrong:
            errors[factor] = str(wrong)
    return weights, errors


STEPS: tuple[Step, ...] = (
    Step(
        key="about",
        title=N_("About you"),
        fields=(
            Field(
                name="title",
                kind="line",
                label=N_("Title"),
                hint=N_("Such as Dr. or Prof. It is shown before your name."),
            ),
            Field(name="name", kind="line", label=N_("Name")),
            Field(name="pronouns", kind="line", label=N_("Pronouns"), hint=N_("Shown where your name is shown.")),
            Field(
                name="stage",
                kind="choice",
                label=N_("Career stage"),
                of="stage",
                codes=("student", "resident", "fellow", "early_career", "attending", "senior", "retired"),
            ),
            Field(
                name="time_zone",
                kind="line",
                label=N_("Time zone"),
                hint=N_("The nearest city in this form: Europe/Berlin or America/Chicago."),
            ),
        ),
    ),
    Step(
        key="topics",
        title=N_("Topics"),
        intro=N_(
            "Topics count most. Three to six are a good number: few enough to be honest, enough to find somebody."
        ),
        fields=(
            Field(
                name="topics_wanted",
                kind="terms",
                label=N_("What would you like to talk about?"),
                hint=N_("One topic a line, for example: career planning, research methods, work-life balance."),
                role="mentee",
            ),
            Field(
                name="topics_offered",
                kind="terms",
                label=N_("What can others talk about with you?"),
                hint=N_("One topic a line, for example: publishing, leadership, exam preparation."),
                role="mentor",
            ),
        ),
    ),
    Step(
        key="meeting",
        title=N_("How you meet"),
        fields=(
            Field(name="languages", kind="languages", label=N_("Languages in which you can talk")),
            Field(
                name="formats",
                kind="many",
                label=N_("Ways to meet"),
                of="format",
                codes=("in_person", "video", "phone", "messaging"),
            ),
            Field(
                name="style",
                kind="choice",
                label=N_("Style of mentoring"),
                hint=N_("The style that you offer, or look for."),
                of="style",
                codes=("coach", "advisor", "sponsor", "listener"),
            ),
            Field(
                name="capacity",
                kind="number",
                label=N_("How many mentees at a time?"),
                hint=N_("In all programmes together. 0 is a pause. Promise less than you could."),
                role="mentor",
                most=50,
            ),
            Field(
                name="least_group",
                kind="number",
                label=N_("How many mentees at least, in a round?"),
                hint=N_("A round gives you so many or nobody. 0: any number is right."),
                role="mentor",
                most=50,
            ),
            Field(
                name="mentors_wanted",
                kind="number",
                label=N_("How many mentors at a time?"),
                hint=N_("In each programme. From 1 to 10."),
                role="mentee",
                least=1,
                most=10,
            ),
            Field(
                name="available",
                kind="lines",
                label=N_("When do you usually have time?"),
                hint=N_("One time a line, by your own clock: fri-17-20 is Friday from 17 to 20 o'clock."),
            ),
            Field(
                name="hours_per_month",
                kind="number",
                label=N_("How many hours a month for all of them?"),
                role="mentor",
                most=100,
            ),
        ),
    ),
    Step(
        key="story",
        title=N_("Your story, and who sees what"),
        fields=(
            Field(
                name="principles",
                kind="area",
                label=N_("Your principles"),
                hint=N_("What others can rely on, in a few sentences. Everybody to whom you are suggested sees them."),
                most=4_000,
            ),
            Field(
                name="story",
                kind="area",
                label=N_("Your story"),
                hint=N_("What would you say to somebody who is where you were? You decide below who reads it."),
                most=20_000,
            ),
            Field(
                name="story_shown_to",
                kind="choice",
                label=N_("Who sees your story?"),
                of="story",
                codes=("nobody", "matched", "suggested"),
            ),
            Field(
                name="shares_email",
                kind="flag",
                label=N_("Show my e-mail address to people with whom I am in a mentoring"),
            ),
            Field(
                name="across_institutions",
                kind="flag",
                label=N_("I also want to be matched with people of other institutions"),
                hint=N_("They see your name only once you are in a mentoring."),
            ),
        ),
    ),
)


def step_named(key: str) -> Step | None:
    return next((step for step in STEPS if step.key == key), None)


def step_after(step: Step) -> Step | None:
    at = STEPS.index(step) + 1
    return STEPS[at] if at < len(STEPS) else None
