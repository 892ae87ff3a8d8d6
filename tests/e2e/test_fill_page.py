"""The page that people fill in, in a real browser: by keyboard, on a telephone, as a screen reader has it, in Spanish,
and without scripts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from carethread.core.ports import Resource
from support import accessible
from support.answers import CORE, code, ext, item, questionnaire, when
from support.processes import CareThread, carethread

PHONE = {"width": 360, "height": 640}
FORMS = "https://carethread.dev/fhir/Questionnaire/"
PROFILE = {"profile": ["https://carethread.dev/fhir/StructureDefinition/questionnaire"]}
NUMBERS = itertools.count(1)


def _option(name: str) -> Resource:
    return {"valueCoding": {**code(name.lower()), "display": name}}


MADE = questionnaire(
    {**item("intro", "display"), "text": "Some things about you."},
    item("name", required=True, maxLength=20, extension=[ext(CORE + "entryFormat", valueString="As people call you")]),
    item("smokes", "boolean", required=True),
    item("packs", "integer", required=True, enableWhen=[when("smokes", "=", answerBoolean=True)],
         extension=[ext(CORE + "minValue", valueInteger=1), ext(CORE + "maxValue", valueInteger=9)]),
    item("born", "date"),
    item("sleep", "time"),
    item("when", "dateTime"),
    item("weight", "quantity", extension=[
        ext(CORE + "questionnaire-unitOption", valueCoding={"code": each, "system": "http://unitsofmeasure.org"})
        for each in ("kg", "[lb_av]")
    ]),
    item("drink", "open-choice", answerOption=[_option("Tea"), _option("Water")]),
    item("pains", "choice", repeats=True, answerOption=[_option("Back"), _option("Knee")]),
    {**item("land", "choice"), "answerOption": [{"valueString": f"Land {n}"} for n in range(20)]},
    item("story", "text"),
    item("page", "url"),
    item("file", "attachment"),
    item("drugs", "group", item("drug"), item("doses", "decimal", repeats=True), repeats=True),
    id="everything", url=FORMS + "everything", title="A little of everything", meta=PROFILE, subjectType=["Patient"],
    text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">made up</div>'},
)  # fmt: skip


CRITICAL = {
    "url": "https://carethread.dev/fhir/StructureDefinition/critical-answer",
    "extension": [
        ext("kind", valueCode="violence"),
        ext("urgency", valueCode="stat"),
        ext("help", valueString="Call 911."),
    ],
}

LISTS = {
    **{name: MADE[name] for name in ("resourceType", "status", "version", "meta", "subjectType", "text")},
    "id": "lists", "url": FORMS + "lists", "title": "Lists",
    "item": [
        item("drugs", "group",
             item("drug"),
             item("how", "choice", repeats=True, answerOption=[_option("Daily")]),
             item("why", enableWhen=[when("drug", "=", answerString="x")]),
             repeats=True),
        item("state", "choice", answerOption=[_option("Fine"), {**_option("Hurt"), "extension": [CRITICAL]}]),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as started:
        for each in (MADE, LISTS):
            made = started.fhir.put(f"Questionnaire/{each['id']}", each)
            assert made.status == 201, made.json
        yield started


Open = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Open]:
    """Opens a link in a browser that knows nothing of any other; what it complains of is a failure."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(link: str, **more: object) -> Page:
        context = chromium.new_context(**{"viewport": PHONE, "locale": "en-US", **more})  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        page.goto(link)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def given(server: CareThread, form: str, language: str = "en") -> tuple[str, str]:
    """A link for somebody who was given a form, and the path of the draft."""
    who = f"Patient/visitor-{next(NUMBERS)}"
    speaks = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": language}]}}]
    patient: Resource = {
        "resourceType": "Patient",
        "id": who.partition("/")[2],
        "active": True,
        "communication": speaks,
    }
    assert server.fhir.put(who, patient).status == 201
    parts = [
        {"name": "questionnaire", "valueCanonical": FORMS + form},
        {"name": "subject", "valueReference": {"reference": who}},
        {"name": "send", "valueBoolean": False},
    ]
    answer = server.fhir.post("Questionnaire/$assign", {"resourceType": "Parameters", "parameter": parts})
    assert answer.status == 200, answer.json
    told = {each["name"]: each for each in answer.json["parameter"]}
    link = str(told["link"]["valueUrl"])
    return server.url + link[link.index("/console/") :], told["response"]["valueReference"]["reference"]


def focused(page: Page) -> str:
    """What has the focus: the value of a button, else its id."""
    return str(page.evaluate("document.activeElement.value && document.activeElement.matches('button') "
                             "? document.activeElement.value : document.activeElement.id"))  # fmt: skip


def tab_to(page: Page, wanted: Callable[[str], bool]) -> str:
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted(at := focused(page)):
            return at
    raise AssertionError("the keyboard does not lead there")


def settled(page: Page) -> None:
    """After what follows from a change has come."""
    page.wait_for_timeout(250)
    page.wait_for_load_state("networkidle")


def onward(page: Page, button: str = "Save and continue") -> None:
    page.get_by_role("button", name=button).click()


def test_by_keyboard_alone(server: CareThread, visit: Open) -> None:
    link, draft = given(server, "phq-9")
    page = visit(link)
    for number in range(10):
        at = tab_to(page, lambda each: each.startswith("q") and "-" in each)
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        assert focused(page) == at[:-1] + "1", "an arrow chooses the next one"
        settled(page)
        assert focused(page) == at[:-1] + "1", f"who answers question {number} keeps their place"
    tab_to(page, lambda each: each == "send")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    stored = server.fhir.get(draft).json
    assert stored["status"] == "completed"
    assert {each["answer"][0]["valueCoding"]["code"] for each in stored["item"][:9]} == {"LA6569-3"}


def test_in_parts_by_keyboard_alone(server: CareThread, visit: Open) -> None:
    link, draft = given(server, "social-needs")
    page = visit(link)
    for part in range(1, 6):
        expect(page.get_by_text(f"Part {part} of 5")).to_be_visible()
        tab_to(page, lambda each: each.startswith("q") and "-" in each)
        page.keyboard.press("Space")
        settled(page)
        tab_to(page, lambda each: each in ("next", "send"))
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    assert server.fhir.get(draft).json["status"] == "completed"


@pytest.mark.parametrize("form", ["phq-9", "social-needs", "visit-experience", "everything"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_telephone(server: CareThread, visit: Open, form: str, scheme: str) -> None:
    page = visit(given(server, form)[0], color_scheme=scheme)
    assert not accessible.scrolls_sideways(page)
    assert accessible.small(page) == []
    assert accessible.faint(page) == []
    page.locator("button[value=send], button[value=next]").last.click()
    assert not accessible.scrolls_sideways(page)
    assert accessible.small(page) == []
    assert accessible.faint(page) == []


@pytest.mark.parametrize("form", ["phq-9", "social-needs", "everything"])
def test_as_a_screen_reader_has_it(server: CareThread, visit: Open, form: str) -> None:
    page = visit(given(server, form)[0])
    assert accessible.unnamed(page) == []
    levels = accessible.headings(page)
    assert accessible.is_in_order(levels), levels
    assert page.evaluate("document.documentElement.lang") == "en"
    groups = [each["name"] for each in accessible.tree(page) if each["role"] == "group"]
    assert groups and all(groups), "each question with several controls is a group that says what is asked"


def test_what_is_wrong_is_said_where_and_found(server: CareThread, visit: Open) -> None:
    page = visit(given(server, "everything")[0])
    page.get_by_role("radio", name="Yes").check()
    page.get_by_label("About packs").fill("12")
    onward(page)
    onward(page, "Send")
    expect(page.get_by_role("alert").nth(1)).to_be_focused()
    assert page.title().startswith("To correct:")
    field = page.get_by_label("About packs")
    (heard,) = (each for each in accessible.tree(page) if each["role"] == "textbox" and "packs" in each["name"])
    assert "From 1 to 9" in heard["description"]
    assert field.get_attribute("aria-invalid") == "true"
    assert accessible.unnamed(page) == [] and accessible.is_in_order(accessible.headings(page))
    page.get_by_role("link", name="About name").click()
    expect(page.get_by_label("About name")).to_be_focused()
    page.keyboard.type("Made up")
    field.fill("2")
    onward(page)
    onward(page, "Send")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")


def test_questions_come_and_go_as_somebody_answers(server: CareThread, visit: Open) -> None:
    page = visit(given(server, "everything")[0])
    page.get_by_label("About name").fill("written before")
    page.get_by_role("radio", name="Yes").check()
    expect(page.get_by_label("About packs")).to_be_visible()
    expect(page.get_by_role("status").last).to_have_text("There are new questions below.")
    page.get_by_label("About packs").fill("3")
    page.get_by_role("radio", name="No", exact=True).check()
    expect(page.get_by_label("About packs")).to_have_count(0)
    expect(page.get_by_label("About name")).to_have_value("written before")
    page.get_by_role("radio", name="Yes").check()
    expect(page.get_by_label("About packs")).to_have_value("3")


def test_each_kind_of_question(server: CareThread, visit: Open) -> None:
    link, draft = given(server, "everything")
    page = visit(link, viewport={"width": 1100, "height": 800})
    page.get_by_label("About name").fill("Zoë <b>")
    page.get_by_role("radio", name="No", exact=True).check()
    born = page.get_by_role("group", name="About born")
    for part, text in (("Year", "1980"), ("Month", "3"), ("Day", "7")):
        born.get_by_label(part).fill(text)
    page.get_by_label("About sleep").fill("10:30 pm")
    page.get_by_role("group", name="About weight").get_by_label("Number").fill("70,5")
    page.get_by_role("group", name="About weight").get_by_label("Unit").select_option("kg")
    page.get_by_label("Something else, in your words").fill("Coffee")
    page.get_by_role("checkbox", name="Back").check()
    page.get_by_label("About land").select_option("Land 7")
    page.get_by_label("About story").fill("One.\nTwo.")
    onward(page)
    page.get_by_role("textbox", name="About drug").first.fill("A")
    page.get_by_role("button", name="Add another: About drugs").click()
    expect(page.get_by_role("textbox", name="About drug").nth(1)).to_be_focused()
    page.keyboard.type("B")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    said = {each["linkId"]: each for each in server.fhir.get(draft).json["item"]}
    assert said["name"]["answer"] == [{"valueString": "Zoë <b>"}]
    assert said["born"]["answer"] == [{"valueDate": "1980-03-07"}]
    assert said["sleep"]["answer"] == [{"valueTime": "22:30:00"}]
    assert said["weight"]["answer"][0]["valueQuantity"]["value"] == 70.5
    assert said["drink"]["answer"] == [{"valueString": "Coffee"}]
    assert [each["valueCoding"]["code"] for each in said["pains"]["answer"]] == ["back"]
    assert said["land"]["answer"] == [{"valueString": "Land 7"}]
    assert said["story"]["answer"] == [{"valueString": "One.\nTwo."}]
    items = server.fhir.get(draft).json["item"]
    assert [each["item"][0]["answer"][0]["valueString"] for each in items if each["linkId"] == "drugs"] == ["A", "B"]


def test_what_is_removed_stays_removed_and_what_is_emptied_keeps_its_place(server: CareThread, visit: Open) -> None:
    link, draft = given(server, "lists")
    page = visit(link)
    drugs = page.get_by_role("textbox", name="About drug")
    for number, name in enumerate(("A", "B", "C")):
        drugs.nth(number).fill(name)
        page.get_by_role("checkbox", name="Daily").nth(number).check()
        settled(page)
        if name != "C":
            page.get_by_role("button", name="Add another: About drugs").click()
            expect(drugs).to_have_count(number + 2)
    onward(page, "Save and go on later")
    page.get_by_role("link", name="Go on now").click()
    drugs.nth(0).fill("")
    page.get_by_role("checkbox", name="Daily").nth(0).uncheck()
    settled(page)
    daily = page.get_by_role("checkbox", name="Daily")
    assert [each.input_value() for each in drugs.all()] == ["", "B", "C"]
    expect(daily.nth(1)).to_be_checked()
    page.get_by_role("radio", name="Hurt").check()  # which is saved at once, and so what is empty comes last
    expect(drugs.nth(0)).to_have_value("B")
    assert [each.input_value() for each in drugs.all()] == ["B", "C", ""]
    assert [each.is_checked() for each in daily.all()] == [True, True, False]
    page.get_by_role("button", name="Remove number 1: About drugs").click()
    expect(drugs.nth(0)).to_have_value("C")
    assert accessible.unnamed(page) == [] and accessible.is_in_order(accessible.headings(page))
    other = visit(link)
    expect(other.get_by_role("textbox", name="About drug")).to_have_value("C")
    other.get_by_role("button", name="Send").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Thank you")
    kept, hurt = server.fhir.get(draft).json["item"]
    assert [each["linkId"] for each in kept["item"]] == ["drug", "how"]
    assert kept["item"][0]["answer"] == [{"valueString": "C"}]
    assert hurt["linkId"] == "state"


def test_in_spanish(server: CareThread, visit: Open) -> None:
    page = visit(given(server, "phq-9", "es")[0])
    assert page.evaluate("document.documentElement.lang") == "es"
    expect(page.get_by_role("radio", name="Varios días").first).to_be_visible()
    expect(page.get_by_role("button", name="Enviar")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_kept_and_gone_on_with_on_another_device_and_over_once_sent(server: CareThread, visit: Open) -> None:
    link, _ = given(server, "phq-2")
    page = visit(link)
    page.get_by_role("radio", name="Several days").first.check()
    page.get_by_role("button", name="Save and go on later").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answers are saved")
    other = visit(link)
    expect(other.get_by_role("radio", name="Several days").first).to_be_checked()
    other.get_by_role("radio", name="Several days").nth(1).check()
    other.get_by_role("button", name="Send").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Thank you")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This form is closed")


def test_a_second_window_is_told_what_the_first_has_saved(server: CareThread, visit: Open) -> None:
    link, _ = given(server, "phq-9")
    one, two = visit(link), visit(link)
    one.get_by_role("radio", name="Several days").first.check()
    onward(one, "Save and go on later")
    expect(one.get_by_role("heading", level=1)).to_have_text("Your answers are saved")
    two.get_by_role("radio", name="Not at all").first.check()
    expect(two.get_by_text("This form was changed in another window.")).to_be_visible()
    expect(two.get_by_role("radio", name="Several days").first).to_be_checked()


def test_what_cannot_be_saved_shows_where_help_is_all_the_same(server: CareThread, visit: Open) -> None:
    """By scripts too: another window has saved meanwhile, then the link is over."""
    link, draft = given(server, "phq-9")
    one, two = visit(link), visit(link)
    one.get_by_role("radio", name="Several days").first.check()
    onward(one, "Save and go on later")
    harm = two.get_by_role("group", name="Thoughts that you would be better off dead")
    harm.get_by_role("radio", name="Several days").check()
    expect(two.get_by_text("This form was changed in another window.")).to_be_visible()
    lost = two.get_by_role("alert").filter(has_text="could not be saved")
    expect(lost).to_be_in_viewport()
    expect(lost.get_by_role("link", name="Call 988")).to_have_attribute("href", "tel:988")
    two.get_by_role("radio", name="Not at all").first.check()
    expect(two.get_by_role("radio", name="Not at all").first).to_be_checked()
    settled(two)
    expect(lost).to_be_visible()
    server.fhir.post(f"{draft}/$fill-link", {"resourceType": "Parameters"})
    harm.get_by_role("radio", name="Nearly every day").check()
    expect(two.get_by_role("heading", level=1)).to_have_text("This form is closed")
    expect(lost).to_be_in_viewport()
    expect(lost.get_by_role("link", name="Call 988")).to_have_attribute("href", "tel:988")


def test_help_is_there_at_once(server: CareThread, visit: Open) -> None:
    link, draft = given(server, "phq-9")
    page = visit(link)
    question = page.get_by_role("group", name="Thoughts that you would be better off dead")
    question.get_by_role("radio", name="Several days").check()
    help_ = page.locator(".question .help")
    expect(help_).to_be_in_viewport()
    expect(help_.get_by_role("link", name="Call 988")).to_have_attribute("href", "tel:988")
    told = page.get_by_role("alert").first
    # Nobody is there, and the page asks by itself until it knows that.
    expect(told).to_contain_text("We could not reach anybody of our team", timeout=30_000)
    expect(told).to_contain_text("call one of these numbers now")
    assert server.fhir.get(draft).json["item"][0]["linkId"] == "/44260-8", "so it was kept, and somebody is called"
    question.get_by_role("radio", name="Not at all").check()
    expect(help_).to_have_count(0)
    question.get_by_role("radio", name="Nearly every day").check()
    page.get_by_role("button", name="Save and go on later").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answers are saved")
    expect(page.get_by_role("link", name="Call 988")).to_be_visible()


def test_without_scripts(server: CareThread, visit: Open) -> None:
    link, draft = given(server, "everything")
    page = visit(link, java_script_enabled=False)
    page.get_by_label("About name").fill("Made up")
    page.get_by_role("radio", name="Yes").check()
    page.get_by_role("button", name="Update the questions").click()
    page.get_by_label("About packs").fill("x")
    onward(page)
    expect(page.get_by_text("Please write a whole number").first).to_be_visible()
    page.get_by_label("About packs").fill("2")
    onward(page)
    onward(page, "Add another answer: About doses")
    page.get_by_label("About doses, answer 2").fill("1.5")
    onward(page, "Save and go on later")
    page.get_by_role("link", name="Go on now").click()
    expect(page.get_by_label("About packs")).to_have_value("2")
    onward(page)
    onward(page, "Send")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    assert server.fhir.get(draft).json["status"] == "completed"
