"""Who is chosen: nobody without a free place, the same one for the same facts, and each reason before the next."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.navigation.choosing import Navigator, Need, choose, main_language

NAMES = [f"PractitionerRole/{letter}" for letter in "abcdef"]
PLACES = ("", "Organization/heart", "Organization/eyes")
TONGUES = ("", "de", "de-CH", "en", "es")


@st.composite
def navigators(draw: st.DrawFn) -> list[Navigator]:
    return [
        Navigator(
            name,
            f"Practitioner/{name[-1]}",
            draw(st.sampled_from(PLACES)),
            limit := draw(st.integers(0, 4)),
            draw(st.integers(0, limit + 1)),
            frozenset(draw(st.sets(st.sampled_from(TONGUES[1:]), max_size=2))),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    ]


needs = st.builds(
    Need,
    st.just("Patient/ann"),
    st.sampled_from(PLACES),
    st.sampled_from(TONGUES),
    st.frozensets(st.sampled_from(NAMES), max_size=2),
    st.frozensets(st.sampled_from([name.replace("Role", "") for name in NAMES]), max_size=2),
)


@given(needs, navigators(), st.randoms())
def test_the_first_by_all_reasons_in_turn_is_chosen(need: Need, some: list[Navigator], chance) -> None:
    """As a plain comparison, reason after reason, says."""

    def order(one: Navigator) -> tuple[object, ...]:
        names = {one.role, one.practitioner}
        spoken = {main_language(each) for each in one.languages}
        return (
            not (need.department and one.department == need.department),
            not names & (need.before | need.team),
            not (need.language and main_language(need.language) in spoken),
            -round(one.free / (one.limit + 1) / 15, 6),
            one.role,
        )

    free = sorted((each for each in some if each.load < each.limit), key=order)
    chance.shuffle(some)
    chosen = choose(need, some)
    assert (chosen.navigator if chosen else None) == (free[0] if free else None)
    if chosen:
        assert 0 < chosen.score <= 1
        assert [reason.code for reason in chosen.reasons][-1] == "room"


def test_who_was_before_and_who_is_on_the_team_are_one_reason() -> None:
    one = Navigator("PractitionerRole/a", "Practitioner/a", "", 3, 0)
    both = Need("Patient/ann", before=frozenset({"PractitionerRole/a"}), team=frozenset({"Practitioner/a"}))
    found = choose(both, [one])
    team = choose(replace(both, before=frozenset()), [one])
    assert found and team and found.score == team.score
    assert found.reasons[0].text == "Was their navigator before."
