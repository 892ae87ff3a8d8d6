"""A need's chain from whichever link, and whose it is where people are merged, part again or die."""

from __future__ import annotations

import pytest

from carethread.careteams.needs import proposing
from support.care import Care, patient
from support.helping import (
    DOCTOR,
    TRANSPORT,
    YES,
    answer,
    chain,
    conditions,
    judge,
    opened,
    outcome,
    referred,
    responded,
    settle,
    tasks,
    the_need,
    told,
    verified,
)


def test_the_chain_is_the_same_from_each_of_its_links(anywhere: Care) -> None:
    path = referred(anywhere)
    outcome(anywhere, "accepted")
    outcome(anywhere, "completed", "need-met")
    (whole,) = chain(anywhere, path)
    steps = [each["step"] for each in whole["links"]]
    assert steps[:8] == [
        "answer", "observation", "need", "confirm-need", "offer-help", "consent", "arrange-help", "request",
    ]  # fmt: skip
    assert steps.count("told") == 4
    assert (whole["state"], whole["missing"], whole["witnessed"]) == ("to-review", "need", True)
    assert whole["turns"][0]["who"] == DOCTOR
    by_path = {each["what"]: each for each in whole["links"]}
    for each in whole["links"]:
        assert each["step"] == "answer" or each["provenance"]
        for before in each.get("from", ()):
            assert each["what"] in by_path[before]["to"], "it is walked both ways"
        assert chain(anywhere, each["what"]) == [whole]
        for provenance in each.get("provenance", ())[:1] if each["step"] != "observation" else ():
            assert chain(anywhere, provenance) == [whole]
    assert chain(anywhere, "Patient/ann") == [whole]


def test_before_anything_has_arrived_the_chain_says_what_is_known(practice: Care) -> None:
    practice.put(responded({TRANSPORT: YES}))
    practice.send("questionnaires")
    copies = [s for chunk in practice.stores["records"].dump("Observation") for s in chunk.versions]
    practice.keep(*({"resourceType": "Observation", "id": each.id} for each in copies))
    (need,) = chain(practice, "Patient/ann")
    assert (need["state"], need["witnessed"]) == ("to-confirm", False)
    assert [each["step"] for each in need["links"]] == ["observation", "need", "confirm-need"]


def test_what_is_of_no_need_has_no_chain(practice: Care) -> None:
    assert practice.ask("GET", "Task/unknown/$need-chain").status == 404
    assert practice.ask("GET", "Patient/ben/$need-chain").status == 200
    assert practice.ask("GET", "Condition/x/$need-chain?deep=1").status == 400


def merge(practice: Care, one: str, into: str) -> None:
    link = {"other": {"reference": f"Patient/{into}"}, "type": "replaced-by"}
    practice.tell(patient(one, active=False, link=[link]))
    practice.fire()
    settle(practice)


def unmerge(practice: Care, one: str) -> None:
    practice.tell(patient(one))
    practice.fire()
    settle(practice)


def test_who_is_merged_has_one_need(anywhere: Care) -> None:
    answer(anywhere, {TRANSPORT: YES})
    anywhere.pass_time(hours=1)
    answer(anywhere, {TRANSPORT: YES}, who="ben", id_="r2")
    (mine,), (theirs,) = (conditions(anywhere, who) for who in ("ann", "ben"))
    merge(anywhere, "ben", "ann")
    assert verified(anywhere, f"Condition/{mine['id']}") == "unconfirmed"
    assert verified(anywhere, f"Condition/{theirs['id']}") == "entered-in-error"
    assert opened(anywhere) == ["confirm-need"]
    states = {each["condition"]: each["state"] for each in chain(anywhere, "Patient/ben")}
    assert states == {f"Condition/{mine['id']}": "to-confirm", f"Condition/{theirs['id']}": "withdrawn"}
    answer(anywhere, {TRANSPORT: YES}, who="ben", id_="r3")
    assert opened(anywhere) == ["confirm-need"]
    unmerge(anywhere, "ben")
    assert opened(anywhere, "ben") == ["confirm-need"], "two again, each has their own"
    assert opened(anywhere, "ann") == ["confirm-need"]


def test_two_confirmed_needs_of_who_is_merged_are_somebodys_to_judge(practice: Care) -> None:
    for who, id_ in (("ann", "r1"), ("ben", "r2")):
        answer(practice, {TRANSPORT: YES}, who=who, id_=id_)
        judge(practice, the_need(practice, who))
        practice.pass_time(hours=1)
    merge(practice, "ben", "ann")
    assert opened(practice) == ["offer-help", "offer-help", "review-need"]


def test_who_has_died_is_offered_nothing_any_more(practice: Care) -> None:
    referred(practice)
    practice.tell(patient("ann", deceasedBoolean=True))
    practice.fire()
    settle(practice)
    assert opened(practice) == []
    assert tasks(practice, "need-referral")[0]["status"] == "cancelled"
    assert told(practice, "Patient/ann") == []


def test_it_is_committed_with_the_copy_or_not_at_all(practice: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*given: object, **more: object) -> None:
        raise RuntimeError("the process dies here")

    practice.put(responded({TRANSPORT: YES}))
    with monkeypatch.context() as patched:
        patched.setattr(proposing, "witness", dies)
        with pytest.raises(RuntimeError, match="dies"):
            settle(practice)
    assert practice.found("Task?code=confirm-need") == []
    assert practice.store.glance(lambda session: session.requests.all()) == []
    assert practice.store.glance(lambda session: session.places("open-need")) == []
    settle(practice)
    assert opened(practice) == ["confirm-need"]
