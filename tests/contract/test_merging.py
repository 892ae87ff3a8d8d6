"""Merges by Patient.link, on both databases: what a search finds follows them, and what undoes them restores it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from support.records import Records, link, patient
from support.stores import BASE


def observation(id_: str, subject: str) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": f"of-{subject}"}], "text": "pulse"}
    reference = {"reference": f"Patient/{subject}"}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": code, "subject": reference}


@pytest.fixture
def records(store: SqlStore) -> Records:
    """Three people: `old` and `new` are one, and `other` is not."""
    made = Records(store)
    for id_ in ("old", "new", "other"):
        made.put(patient(id_))
        made.put(observation(f"o-{id_}", id_))
    return made


BOTH = {"Observation/o-old", "Observation/o-new"}

SEARCHES = {
    **{
        f"Observation?{param}={id_}": BOTH for param in ("patient", "subject") for id_ in ("Patient/old", "Patient/new")
    },
    "Observation?patient=old": BOTH,
    f"Observation?subject={BASE}/Patient/new": BOTH,
    "Observation?patient=Patient/new,Patient/other": BOTH | {"Observation/o-other"},
    "Observation?patient=other": {"Observation/o-other"},
    "Observation?patient.identifier=mrn-old": BOTH,
    "Observation?subject:Patient.identifier=urn:mrn|mrn-new": BOTH,
    "Observation?patient.identifier=mrn-other": {"Observation/o-other"},
    "Observation?patient._has:Observation:patient:code=of-old": BOTH,
    "Patient?_has:Observation:patient:code=of-old": {"Patient/old", "Patient/new"},
    "Patient?_has:Observation:subject:code=of-new": {"Patient/old", "Patient/new"},
    "Patient?_has:Observation:patient:code=of-other": {"Patient/other"},
    "Patient/old/Observation": BOTH,
    "Patient/new/Observation": BOTH,
    "Patient/other/Observation": {"Observation/o-other"},
    "Patient?_id=old": {"Patient/old"},
    "Patient?link=new": {"Patient/old"},
    "Patient?link=old": set(),
    "Patient?identifier=mrn-new": {"Patient/new"},
}
"""What is found while `old` is merged into `new`."""


def merge(records: Records) -> None:
    records.put(patient("old", link("new"), active=False))


def test_every_search_follows_a_merge_and_its_end(records: Records) -> None:
    before = {url: records.found(url) for url in SEARCHES}
    merge(records)
    assert {url: records.found(url) for url in SEARCHES} == SEARCHES
    records.put(patient("old"))
    assert {url: records.found(url) for url in SEARCHES} == before


def test_counts_and_pages_follow_too(records: Records) -> None:
    merge(records)
    assert json.loads(records.ask("GET", "Observation?patient=new&_summary=count").body)["total"] == 2
    page = json.loads(records.ask("GET", "Observation?patient.identifier=mrn-new&_count=1&_total=accurate").body)
    following = next(each["url"] for each in page["link"] if each["relation"] == "next")
    assert (page["total"], len(records.found(following.removeprefix(BASE + "/")))) == (2, 1)


def test_a_reference_to_a_version_means_that_one(records: Records) -> None:
    merge(records)
    assert records.found("Observation?patient=Patient/new/_history/1") == set()


def test_includes_bring_all_who_are_one_person(records: Records) -> None:
    merge(records)
    assert records.found("Observation?_id=o-old&_include=Observation:patient", "include") == {
        "Patient/old",
        "Patient/new",
    }
    assert records.found("Patient?_id=new&_revinclude=Observation:patient", "include") == BOTH
    assert records.found("Observation?_id=o-other&_include=Observation:patient", "include") == {"Patient/other"}


@pytest.mark.parametrize("id_", ["old", "new"])
def test_everything_is_of_the_whole_person(records: Records, id_: str) -> None:
    merge(records)
    assert records.found(f"Patient/{id_}/$everything") == {"Patient/old", "Patient/new", *BOTH}


def test_reading_the_merged_patient_still_answers_it(records: Records) -> None:
    merge(records)
    assert json.loads(records.ask("GET", "Patient/old").body)["link"] == [link("new")]


def test_conditional_writes_follow(records: Records) -> None:
    merge(records)
    criteria = {"If-None-Exist": "patient=Patient/new&code=of-old"}
    answer = records.ask("POST", "Observation", observation("x", "new"), criteria)
    assert (answer.status, json.loads(answer.body)["id"]) == (200, "o-old")


def test_the_events_say_merged_and_unmerged_and_keep_their_keys(records: Records) -> None:
    merge(records)
    records.put(patient("old", link("new"), active=True))
    records.put(patient("old", link("other")))
    records.put(patient("old", link("new", "seealso")))
    records.put(patient("new", link("old", "replaces")))
    records.put(patient("born", link("new")))
    records.put(observation("o-old", "new"))
    assert records.verbs("old") == ["created", "merged", "updated", "merged", "unmerged"]
    assert (records.verbs("new"), records.verbs("born")) == (["created", "updated"], ["merged"])
    assert records.keys() == {"Patient/old", "Patient/new", "Patient/other"}
    assert records.verbs("o-old") == ["created", "updated"]


def test_a_chain_of_merges_is_one_person_until_a_link_is_cut(records: Records) -> None:
    merge(records)
    records.put(patient("new", link("other")))
    everyone = BOTH | {"Observation/o-other"}
    for id_ in ("old", "new", "other"):
        assert records.found(f"Observation?patient={id_}") == everyone
    records.put(patient("new"))
    assert records.found("Observation?patient=other") == {"Observation/o-other"}
    assert records.found("Observation?patient=old") == BOTH


def test_two_who_were_merged_into_a_third_are_one_person(records: Records) -> None:
    merge(records)
    records.put(patient("other", link("new")))
    assert records.found("Observation?patient=old") == BOTH | {"Observation/o-other"}


def test_a_deleted_patient_takes_its_link_along(records: Records) -> None:
    merge(records)
    assert records.ask("DELETE", "Patient/old").status == 204
    assert records.found("Observation?patient=new") == {"Observation/o-new"}
    merge(records)
    assert records.found("Observation?patient=new") == BOTH
    assert records.ask("DELETE", "Patient/new").status == 204
    assert records.found("Observation?patient=old") == BOTH


REFUSED = {
    "itself": ([link("old")], "Patient.link[0].other", "business-rule"),
    "itself, absolute": ([link(f"{BASE}/Patient/old")], "Patient.link[0].other", "business-rule"),
    "several": ([link("new"), link("other")], "Patient.link[1]", "business-rule"),
    "nobody": ([link("gone", "seealso"), link("nobody")], "Patient.link[1].other", "not-found"),
    "deleted": ([link("deleted")], "Patient.link[0].other", "not-found"),
    "a circle of two": ([link("into-old")], "Patient.link[0].other", "business-rule"),
    "a circle of three": ([link("into-into-old")], "Patient.link[0].other", "business-rule"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_merge_that_cannot_be_is_refused(records: Records, case: str) -> None:
    links, expression, code = REFUSED[case]
    records.put(patient("deleted"))
    records.ask("DELETE", "Patient/deleted")
    records.put(patient("into-old", link("old")))
    records.put(patient("into-into-old", link("into-old")))
    answer = records.ask("PUT", "Patient/old", patient("old", *links))
    issue = json.loads(answer.body)["issue"][0]
    assert (answer.status, issue["expression"], issue["code"]) == (422, [expression], code)
    assert records.verbs("old") == ["created"]


def test_a_survivor_elsewhere_is_nobody_of_ours(records: Records) -> None:
    records.put(patient("old", link("https://elsewhere.example/fhir/Patient/new")))
    assert records.verbs("old") == ["created", "merged"]
    assert records.found("Observation?patient=new") == {"Observation/o-new"}


def test_history_is_kept_as_it_is_told(records: Records) -> None:
    told = {"X-CareThread-Backfill": "true"}
    records.put(patient("a", link("b")), headers=told)
    records.put(patient("b", link("a")), headers=told)
    records.put(observation("o-a", "a"))
    assert records.found("Observation?patient=b") == {"Observation/o-a"}
    records.put(patient("two", link("old"), link("new")), headers=told)
    assert records.found("Observation?patient=two") == {"Observation/o-old"}


def test_a_transaction_may_make_the_survivor(records: Records) -> None:
    entries = [
        ("PUT", "Patient/old", patient("old", link("urn:uuid:2f4ad9d4-1b1f-4a4e-8f5b-000000000001")), None),
        ("POST", "Patient", patient("x"), "urn:uuid:2f4ad9d4-1b1f-4a4e-8f5b-000000000001"),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": body, "request": {"method": method, "url": url}} | ({"fullUrl": full} if full else {})
            for method, url, body, full in entries
        ],
    }
    assert records.ask("POST", "", bundle).status == 200
    into = json.loads(records.ask("GET", "Patient/old").body)["link"][0]["other"]["reference"]
    assert records.found(f"Observation?patient={into}") == {"Observation/o-old"}


def parameters(source: str | None, target: str | None) -> dict[str, Any]:
    named = {"source-patient": source, "target-patient": target}
    parts = [{"name": name, "valueReference": {"reference": value}} for name, value in named.items() if value]
    return {"resourceType": "Parameters", "parameter": parts}


def test_merge_and_unmerge_write_both_sides_at_once(records: Records) -> None:
    answer = records.ask("POST", "Patient/$merge", parameters("Patient/old", "Patient/new"))
    (result,) = json.loads(answer.body)["parameter"]
    assert (answer.status, result["name"], result["resource"]["id"]) == (200, "result", "new")
    assert result["resource"]["link"] == [link("old", "replaces")]
    old = json.loads(records.ask("GET", "Patient/old").body)
    assert (old["active"], old["link"]) == (False, [link("new")])
    assert records.found("Observation?patient=new") == BOTH

    answer = records.ask("POST", "Patient/$unmerge", parameters("Patient/old", "Patient/new"))
    (result,) = json.loads(answer.body)["parameter"]
    assert (result["resource"]["id"], result["resource"]["active"], "link" in result["resource"]) == (
        "old",
        True,
        False,
    )
    assert "link" not in json.loads(records.ask("GET", "Patient/new").body)
    assert records.found("Observation?patient=new") == {"Observation/o-new"}
    assert records.verbs("old") == ["created", "merged", "unmerged"]
    assert records.verbs("new") == ["created", "updated", "updated"]


@pytest.mark.parametrize(
    ("name", "source", "target", "status"),
    [
        ("merge", None, "Patient/new", 400),
        ("merge", "Patient/old", None, 400),
        ("merge", "Practitioner/old", "Patient/new", 400),
        ("merge", "https://elsewhere.example/Patient/old", "Patient/new", 400),
        ("merge", "Patient/old", "Patient/old", 422),
        ("merge", "Patient/old", "Patient/nobody", 404),
        ("unmerge", "Patient/old", "Patient/new", 422),
        ("unmerge", "Patient/nobody", "Patient/new", 404),
    ],
)
def test_the_operations_refuse_what_is_wrong(
    records: Records, name: str, source: str | None, target: str | None, status: int
) -> None:
    answer = records.ask("POST", f"Patient/${name}", parameters(source, target))
    assert answer.status == status, answer.body
    assert records.verbs("old") == ["created"]
    assert records.ask("GET", f"Patient/${name}").status == 405


def test_one_who_is_merged_is_not_merged_again(records: Records) -> None:
    merge(records)
    answer = records.ask("POST", "Patient/$merge", parameters("Patient/old", "Patient/other"))
    assert (answer.status, records.verbs("other")) == (422, ["created"])
