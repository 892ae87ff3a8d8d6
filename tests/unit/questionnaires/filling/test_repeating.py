"""What repeats, as somebody adds to it, writes, empties and takes away: all stays with what it belongs to, and what was
taken away stays away."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.ports import Resource
from carethread.questionnaires.filling.answers import Answers, kept, page_of, posted, renumbered
from carethread.questionnaires.filling.drafts import Draft
from carethread.questionnaires.filling.names import GROUP, Fields, name_of
from carethread.questionnaires.filling.page import shown
from carethread.questionnaires.filling.reading import MOST, Wrong, asked_for
from carethread.questionnaires.forms.form import Form
from support.answers import CORE, answer, ext, form, item, response
from support.posting import PostedForm

HIDDEN = [ext(CORE + "questionnaire-hidden", valueBoolean=True)]
ASKED = form(
    item("g", "group", item("tag", extension=HIDDEN), item("a"),
         item("n", "group", item("b"), item("kept", readOnly=True), repeats=True), repeats=True),
)  # fmt: skip


class Window:
    """A form on its page, without scripts and without a server."""

    def __init__(self, asked: Form, items: list[Resource]) -> None:
        self.asked = asked
        self.response: Resource = response(*items, status="in-progress")
        self.reload()

    @property
    def draft(self) -> Draft:
        return Draft(self.asked, self.response, 1, None, "token", 0)

    def reload(self) -> None:
        self._show(kept(self.draft))

    def press(self, button: str = "", *, save: bool = False) -> None:
        """Post the page; what comes back is of the draft as it is then."""
        answers = posted(self.draft, Fields(self.page.pairs), asked_for(button))
        if save:
            self.response = answers.response
            answers = renumbered(self.asked, answers)
        self._show(answers)

    def _show(self, answers: Answers) -> None:
        self.answers = answers
        self.page = PostedForm(shown(page_of(self.draft, answers, "en", 0)).body.decode())

    def numbers(self, link: str, *where: int) -> list[int]:
        """Under which numbers something stands, as the page has them from top to bottom."""
        names = [name for text, _ in self.page.pairs if (name := name_of(text)) and name.part == GROUP]
        return [name.where[-1] for name in names if name.link_id == link and name.where[:-1] == where]

    def write(self, link: str, text: str, *where: int) -> None:
        name = f"v:{'.'.join(map(str, (*where, 0)))}:{link}"
        assert name in dict(self.page.pairs), (name, self.page.pairs)
        self.page.choose(name, text)


@dataclass
class Row:
    """What stands in one occurrence: its tag, which nobody sees, its text, and the rows in it."""

    tag: str = ""
    text: str = ""
    rows: list[Row] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.tag or self.text or any(not each.is_empty for each in self.rows))

    def outer(self) -> Resource:
        inner = [answer(link, text) for link, text in (("tag", self.tag), ("a", self.text)) if text]
        return answer("g", inner=[*inner, *(each.inner() for each in self.rows if not each.is_empty)])

    def inner(self) -> Resource:
        return answer("n", inner=[answer(link, text) for link, text in (("b", self.text), ("kept", self.tag)) if text])


def tidy(rows: list[Row]) -> list[Row]:
    """As a page shows what was saved."""
    return [each for each in rows if not each.is_empty] + [each for each in rows if each.is_empty]


def begun() -> list[Row]:
    return [
        Row(f"tag {n}", f"text {n}", [Row(f"inner tag {n} {m}", f"inner {n} {m}") for m in range(2)]) for n in range(3)
    ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "write", "clear", "add in", "remove in", "write in", "clear in", "save"]),
        st.integers(0, 9),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_what_repeats_is_what_somebody_has_made_of_it(steps: list[tuple[str, int, int, bool]]) -> None:
    rows = begun()
    window = Window(ASKED, [each.outer() for each in rows])
    for count, (step, outer, inner, save) in enumerate(steps):
        rows = rows or [Row()]
        for row in rows:
            row.rows = row.rows or [Row()]
        numbers = window.numbers("g")
        assert len(numbers) == len(rows)
        row, at = rows[outer % len(rows)], numbers[outer % len(rows)]
        numbers = window.numbers("n", at)
        assert len(numbers) == len(row.rows)
        within, below = row.rows[inner % len(row.rows)], numbers[inner % len(row.rows)]
        button = ""
        if step == "add":
            button = "add::g"
            rows.append(Row())
        elif step == "remove":
            button = f"remove:{at}:g"
            rows.remove(row)
        elif step == "add in":
            button = f"add:{at}:n"
            row.rows.append(Row())
        elif step == "remove in":
            button = f"remove:{at}.{below}:n"
            row.rows.remove(within)
        elif step in ("write", "clear"):
            row.text = f"written {count}" if step == "write" else ""
            window.write("a", row.text, at)
        elif step in ("write in", "clear in"):
            within.text = f"written {count}" if step == "write in" else ""
            window.write("b", within.text, at, below)
        save = save or step == "save"
        window.press(button, save=save)
        assert window.answers.response.get("item", []) == [each.outer() for each in rows if not each.is_empty]
        if save:
            for row in rows:
                row.rows = tidy(row.rows)
            rows = tidy(rows)
    window.press(save=True)
    window.reload()
    assert window.answers.response.get("item", []) == [each.outer() for each in rows if not each.is_empty]


def test_the_only_one_can_be_removed_once_there_is_something_in_it() -> None:
    window = Window(ASKED, [])
    assert not any(each.startswith("remove") for each in window.page.buttons)
    window.write("a", "x", 0)
    window.press()
    assert "remove:0:g" in window.page.buttons and "remove:0.0:n" not in window.page.buttons
    window.press("remove:0:g", save=True)
    assert "item" not in window.response and window.numbers("g") == [0]


LINES = form(item("t", "dateTime", item("why", extension=HIDDEN), repeats=True))


def moments(*years: int) -> list[Resource]:
    """Answers that are known more exactly than the page shows them."""
    answers = [
        {"valueDateTime": f"{year}-01-01T10:00:00.123Z", "item": [answer("why", f"why {year}")]} for year in years
    ]
    return [{"linkId": "t", "answer": answers}]


def test_an_answer_that_is_removed_leaves_the_others_as_they_were() -> None:
    for save in (False, True):
        window = Window(LINES, moments(2020, 2021, 2022))
        window.press("remove:0:t", save=save)
        assert window.response["item"] == moments(2021, 2022) if save else moments(2020, 2021, 2022)
        window.press("add::t")
        window.press(save=True)
        window.reload()
        assert window.response["item"] == moments(2021, 2022)


def test_what_cannot_be_read_stays_where_it_is() -> None:
    window = Window(LINES, moments(2020, 2021))
    window.page.choose("m:0:t", "99")
    window.press()
    assert [each[:2] for each in window.answers.wrong] == [(window.answers.wrong[0].place, 0)]
    assert [value for name, value in window.page.pairs if name.startswith("m:")] == ["99", "01"]
    window.press(save=True)
    assert window.response["item"] == moments(2021)
    assert isinstance(window.answers.wrong[0], Wrong) and window.answers.wrong[0].number == 1
    assert dict(window.page.pairs)["m:1:t"] == "99"


def test_nobody_adds_more_than_there_is_room_for() -> None:
    window = Window(ASKED, [Row("tag").outer()])
    pairs = [(f"g:{number}:g", "") for number in range(MOST + 50)]
    answers = posted(window.draft, Fields(pairs), asked_for("add::g"))
    assert [len(each) for each in answers.numbers.values() if len(each) > 1] == [MOST]
    many = Window(ASKED, [Row(f"tag {number}").outer() for number in range(MOST + 5)])
    many.press(f"remove:{MOST + 1}:g", save=True)
    assert len(many.response["item"]) == MOST + 4, "what is there stays, however much it is"
