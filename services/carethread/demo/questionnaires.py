"""The questionnaires of the demo practice: PHQ-9, GAD-7, a social-needs intake and four questions after a visit.

Item texts, LOINC codes and weights of the published instruments are as their owners give them, with their licence in
`copyright`; the intake takes its questions from AHC-HRSN (CMS) and the Hunger Vital Sign; the questions after a visit
are our own. Weights stand in both extensions that name them: R4's ordinalValue and its successor itemWeight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from carethread.demo.fhir import HOUSE, LOINC, Resource, coding

LOINC_NOTICE = "LOINC codes are copyright Regenstrief Institute, Inc. and free to use under the LOINC licence."
PFIZER_NOTICE = (
    "Copyright Pfizer Inc. No permission required to reproduce, translate, display or distribute. " + LOINC_NOTICE
)
WEIGHTS = tuple(f"http://hl7.org/fhir/StructureDefinition/{name}" for name in ("ordinalValue", "itemWeight"))
VISIT_CODES = HOUSE + "CodeSystem/demo-visit-experience"


@dataclass(frozen=True, slots=True)
class Option:
    """One allowed answer; `weight` is its score where the instrument has one."""

    code: str
    display: str
    weight: int | None = None
    system: str = LOINC

    @property
    def coding(self) -> Resource:
        return coding(self.system, self.code, self.display)


@dataclass(frozen=True, slots=True)
class Question:
    """One item: a choice among `options`, or an integer where there are none."""

    link: str
    text: str
    options: tuple[Option, ...]
    loinc: str | None = None
    required: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """One Questionnaire."""

    key: str
    title: str
    purpose: str
    questions: tuple[Question, ...]
    copyright: str | None = None
    panel: str | None = None

    @property
    def id(self) -> str:
        return f"demo-{self.key}"

    @property
    def url(self) -> str:
        return f"{HOUSE}Questionnaire/{self.id}"


FREQUENCY = (
    Option("LA6568-5", "Not at all", 0),
    Option("LA6569-3", "Several days", 1),
    Option("LA6570-1", "More than half the days", 2),
    Option("LA6571-9", "Nearly every day", 3),
)
DIFFICULTY = (
    Option("LA6572-7", "Not difficult at all"),
    Option("LA6573-5", "Somewhat difficult"),
    Option("LA6575-0", "Very difficult"),
    Option("LA6574-3", "Extremely difficult"),
)
YES_NO = (Option("LA33-6", "Yes"), Option("LA32-8", "No"))
OFTEN = (
    Option("LA28397-0", "Often true"),
    Option("LA6729-3", "Sometimes true"),
    Option("LA28398-8", "Never true"),
    Option("LA15775-2", "Don't know/refused"),
)
LIVING = (
    Option("LA31993-1", "I have a steady place to live"),
    Option("LA31994-9", "I have a place to live today, but I am worried about losing it in the future"),
    Option("LA31995-6", "I do not have a steady place to live"),
)
AGREEMENT = tuple(
    Option(f"agree-{weight}", display, weight, VISIT_CODES)
    for weight, display in enumerate(("Not at all", "A little", "Partly", "Mostly", "Completely"))
)


def _loinc(options: tuple[Option, ...], *questions: tuple[str, str]) -> tuple[Question, ...]:
    return tuple(Question(f"/{loinc}", text, options, loinc) for loinc, text in questions)


def _total(loinc: str) -> tuple[Question, ...]:
    return (Question(f"/{loinc}", "Total score", (), loinc, read_only=True),)


PHQ9_TOTAL, GAD7_TOTAL = "44261-6", "70274-6"
PHQ9_SELF_HARM = "/44260-8"

PHQ9 = Form(
    "phq-9", "Patient Health Questionnaire-9 (PHQ-9)",
    "Severity of depression over the last two weeks: 0 to 27.",
    (
        *_loinc(
            FREQUENCY,
            ("44250-9", "Little interest or pleasure in doing things"),
            ("44255-8", "Feeling down, depressed, or hopeless"),
            ("44259-0", "Trouble falling or staying asleep, or sleeping too much"),
            ("44254-1", "Feeling tired or having little energy"),
            ("44251-7", "Poor appetite or overeating"),
            (
                "44258-2",
                "Feeling bad about yourself - or that you are a failure or have let yourself or your family down",
            ),
            ("44252-5", "Trouble concentrating on things, such as reading the newspaper or watching television"),
            (
                "44253-3",
                "Moving or speaking so slowly that other people could have noticed. Or the opposite - being so "
                "fidgety or restless that you have been moving around a lot more than usual",
            ),
            ("44260-8", "Thoughts that you would be better off dead, or of hurting yourself in some way"),
        ),
        *_loinc(
            DIFFICULTY,
            (
                "69722-7",
                "If you checked off any problems, how difficult have these problems made it for you to do your work, "
                "take care of things at home, or get along with other people?",
            ),
        ),
        *_total(PHQ9_TOTAL),
    ),
    PFIZER_NOTICE, "44249-1",
)  # fmt: skip

GAD7 = Form(
    "gad-7", "Generalized Anxiety Disorder-7 (GAD-7)",
    "Severity of anxiety over the last two weeks: 0 to 21.",
    (
        *_loinc(
            FREQUENCY,
            ("69725-0", "Feeling nervous, anxious, or on edge"),
            ("68509-9", "Not being able to stop or control worrying"),
            ("69733-4", "Worrying too much about different things"),
            ("69734-2", "Trouble relaxing"),
            ("69735-9", "Being so restless that it is hard to sit still"),
            ("69689-8", "Becoming easily annoyed or irritable"),
            ("69736-7", "Feeling afraid, as if something awful might happen"),
        ),
        *_total(GAD7_TOTAL),
    ),
    PFIZER_NOTICE, "69737-5",
)  # fmt: skip

INTAKE = Form(
    "social-needs", "Social needs intake",
    "Living situation, food, transport and utilities, asked at intake. Any question may be left out.",
    (
        *_loinc(LIVING, ("71802-3", "What is your living situation today?")),
        *_loinc(
            OFTEN,
            (
                "88122-7",
                "Within the past 12 months, you worried that your food would run out before you got money to buy more.",
            ),
            (
                "88123-5",
                "Within the past 12 months, the food you bought just didn't last and you didn't have money to get "
                "more.",
            ),
        ),
        *_loinc(
            YES_NO,
            (
                "93030-5",
                "In the past 12 months, has lack of reliable transportation kept you from medical appointments, "
                "meetings, work or from getting things needed for daily living?",
            ),
            (
                "96779-4",
                "In the past 12 months has the electric, gas, oil, or water company threatened to shut off services in "
                "your home?",
            ),
        ),
    ),
    "Questions from the Accountable Health Communities Health-Related Social Needs screening tool (CMS, US government "
    "work) and the Hunger Vital Sign (Hager et al., Children's HealthWatch). " + LOINC_NOTICE,
)  # fmt: skip

FEEDBACK = Form(
    "visit-experience", "After your visit",
    "Four questions on being heard, understanding, trust and coming back: 0 to 4 each.",
    tuple(
        Question(link, text, AGREEMENT, required=link == "heard")
        for link, text in (
            ("heard", "Did the clinician take in what mattered to you?"),
            ("understood", "Did you leave knowing what happens next, and why?"),
            ("trust", "Would you rely on this team with something hard to talk about?"),
            ("easy", "Was it easy to get this visit at a time and place that you could manage?"),
        )
    ),
)  # fmt: skip

FORMS = (PHQ9, GAD7, INTAKE, FEEDBACK)


def questionnaires() -> Iterator[Resource]:
    """The Questionnaire resources."""
    for form in FORMS:
        yield {
            "resourceType": "Questionnaire", "id": form.id,
            "url": form.url, "version": "1.0.0",
            "name": "Demo" + "".join(part.capitalize() for part in form.key.split("-")),
            "title": form.title, "status": "active", "experimental": True, "subjectType": ["Patient"],
            "date": "2025-01-01", "publisher": "CareThread", "purpose": form.purpose,
            **({"copyright": form.copyright} if form.copyright else {}),
            **({"code": [coding(LOINC, form.panel)]} if form.panel else {}),
            "item": [_item(question) for question in form.questions],
        }  # fmt: skip


def _item(question: Question) -> Resource:
    return {
        "linkId": question.link,
        **({"code": [coding(LOINC, question.loinc)]} if question.loinc else {}),
        "text": question.text,
        "type": "choice" if question.options else "integer",
        **({"required": True} if question.required else {}),
        **({"readOnly": True} if question.read_only else {}),
        **({"answerOption": [_answer_option(option) for option in question.options]} if question.options else {}),
    }


def _answer_option(option: Option) -> Resource:
    if option.weight is None:
        return {"valueCoding": option.coding}
    weights = [{"url": url, "valueDecimal": option.weight} for url in WEIGHTS]
    return {"extension": weights, "valueCoding": option.coding}
