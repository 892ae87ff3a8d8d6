"""Files imported into a server in a dictionary: nothing lost, nothing doubled, and every refusal told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carethread.importer import files, sending

_POST = {"method": "POST", "url": "X"}


def _urn(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def _id(number: int) -> str:
    return _urn(number).removeprefix("urn:uuid:")


def _practitioner(number: int, identifier: str) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "id": _id(number),
        "identifier": [{"system": "urn:npi", "value": identifier}],
    }


def _observation(subject: str, *performers: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "subject": {"reference": subject},
        "performer": [{"reference": performer, "display": "d"} for performer in performers],
    }


def test_a_transaction_lands_whole_with_forward_references(importing, server, file, bundle):
    path = file(
        "a.json.gz",
        bundle(
            "transaction",
            (_urn(1), _observation(_urn(2)), _POST),
            (_urn(2), {"resourceType": "Patient"}, _POST),
            (_urn(3), {"resourceType": "CareTeam", "subject": {"reference": _urn(2)}}, _POST),
        ),
    )
    report = importing(path)
    assert report.summary()["outcomes"]["created"] == 3
    assert server.stored[f"Observation/{_id(1)}"]["subject"] == {"reference": f"Patient/{_id(2)}"}
    assert server.stored[f"CareTeam/{_id(3)}"]["subject"] == {"reference": f"Patient/{_id(2)}"}
    assert sorted(map(len, server.batches)) == [1, 2]  # one owner each


def test_twice_changes_nothing(importing, server, file, bundle):
    path = file(
        "a.json",
        bundle("collection", (None, {"resourceType": "Patient"}, None), (_urn(1), {"resourceType": "Patient"}, None)),
    )
    importing(path)
    before = dict(server.versions)
    assert importing(path).files["skipped"] == 1
    assert importing(path, again=True).summary()["outcomes"]["unchanged"] == 2
    assert server.versions == before


def test_changed_content_is_an_update(importing, file, bundle):
    patient = {"resourceType": "Patient", "id": "1"}
    importing(file("a.json", patient))
    assert importing(file("a.json", {**patient, "active": True})).summary()["outcomes"]["updated"] == 1


def test_conditional_references_find_the_same_file_then_the_server(importing, server, file, bundle):
    importing(file("first.json", bundle("batch", (_urn(1), _practitioner(1, "10"), _POST))))
    server.searches.clear()
    importing(
        file(
            "second.json",
            bundle(
                "transaction",
                (_urn(3), _observation("Patient/1", "Practitioner?identifier=urn:npi|10"), _POST),
                (_urn(4), _observation("Patient/1", "Practitioner?identifier=urn:npi|20"), _POST),
                (_urn(2), _practitioner(2, "20"), _POST),
            ),
        )
    )
    performers = {url: each["performer"][0]["reference"] for url, each in server.stored.items() if "performer" in each}
    assert performers == {
        f"Observation/{_id(3)}": f"Practitioner/{_id(1)}",
        f"Observation/{_id(4)}": f"Practitioner/{_id(2)}",
    }
    assert len(server.searches) == 1


def test_many_criteria_are_searched_in_groups(importing, server, file, bundle):
    for number in range(100):
        server.stored[f"Practitioner/{_id(number)}"] = _practitioner(number, f"n,{number}")
    criteria = [f"Practitioner?identifier=urn:npi|n%2C{number}" for number in range(100)]
    report = importing(file("a.json", {**_observation("Patient/1", *criteria), "id": "1"}))
    # a comma in the value would be ambiguous in the criteria, so each of these is searched alone
    assert len(server.searches) == 100
    server.searches.clear()
    for number in range(100):
        server.stored[f"Practitioner/{_id(number)}"] = _practitioner(number, f"{number}")
    criteria = [f"Practitioner?identifier=urn:npi|{number}" for number in range(100)]
    report = importing(file("b.json", {**_observation("Patient/1", *criteria), "id": "2"}))
    assert len(server.searches) == 3
    assert report.warnings == 0
    assert server.stored["Observation/2"]["performer"][99]["reference"] == f"Practitioner/{_id(99)}"


def test_an_unresolved_reference_is_stored_told_and_tried_again(importing, refused, server, file, bundle):
    path = file("a.json", {**_observation("Patient/1", "Practitioner?identifier=urn:npi|10"), "id": "1"})
    report = importing(path)
    assert (report.warnings, report.refusals) == (1, 0)
    assert server.stored["Observation/1"]["performer"] == [
        {"display": "d", "type": "Practitioner", "identifier": {"system": "urn:npi", "value": "10"}}
    ]
    (line,) = refused()
    assert (line["resource"], line["issue"][0]["expression"]) == ("Observation/1", ["Observation.performer[0]"])
    importing(file("b.json", _practitioner(1, "10")))
    assert importing(path).warnings == 0
    assert server.stored["Observation/1"]["performer"][0]["reference"] == f"Practitioner/{_id(1)}"


def test_if_none_exist_uses_what_exists(importing, server, file, bundle):
    server.stored["Practitioner/theirs"] = {**_practitioner(0, "10"), "id": "theirs"}
    condition = {**_POST, "ifNoneExist": "identifier=urn:npi|10"}
    path = file(
        "a.json",
        bundle(
            "transaction",
            (_urn(2), _observation(_urn(1), "Practitioner?identifier=urn:npi|10", f"Practitioner/{_id(1)}"), _POST),
            (_urn(1), _practitioner(1, "10"), condition),
        ),
    )
    report = importing(path)
    assert report.counts == {("Observation", "created"): 1, ("Practitioner", "exists"): 1}
    stored = server.stored[f"Observation/{_id(2)}"]
    assert stored["subject"]["reference"] == "Practitioner/theirs"
    assert [each["reference"] for each in stored["performer"]] == ["Practitioner/theirs"] * 2
    assert f"Practitioner/{_id(1)}" not in server.stored


def test_if_none_exist_twice_in_one_file_writes_one(importing, server, file, bundle):
    condition = {**_POST, "ifNoneExist": "identifier=urn:npi|10"}
    path = file("a.json", bundle("batch", *((_urn(n), _practitioner(n, "10"), condition) for n in (1, 2))))
    report = importing(path)
    assert report.counts == {("Practitioner", "created"): 1, ("Practitioner", "exists"): 1}
    assert importing(path, again=True).counts == {("Practitioner", "unchanged"): 1, ("Practitioner", "exists"): 1}


def test_a_conditional_update_writes_what_exists(importing, server, file, bundle):
    server.stored["Practitioner/theirs"] = {**_practitioner(0, "10"), "id": "theirs"}
    request = {"method": "PUT", "url": "Practitioner?identifier=urn:npi|10"}
    report = importing(file("a.json", bundle("batch", (None, {**_practitioner(1, "10"), "active": True}, request))))
    assert report.counts == {("Practitioner", "updated"): 1}
    assert server.stored["Practitioner/theirs"]["active"] is True


def test_a_condition_that_several_meet_is_told(importing, refused, server, file, bundle):
    for name in ("one", "two"):
        server.stored[f"Practitioner/{name}"] = {**_practitioner(0, "10"), "id": name}
    condition = {**_POST, "ifNoneExist": "identifier=urn:npi|10"}
    report = importing(file("a.json", bundle("batch", (_urn(1), _practitioner(1, "10"), condition))))
    assert report.counts == {("Practitioner", "created"): 1}
    assert refused()[0]["issue"][0]["code"] == "multiple-matches"


def test_what_the_server_refuses_is_listed_without_content_and_tried_again(importing, refused, server, file, bundle):
    server.refuse["Patient/2"] = "422 Unprocessable Content"
    path = file(
        "a.json",
        bundle("batch", *((None, {"resourceType": "Patient", "id": n, "gender": "secret"}, None) for n in "123")),
    )
    report = importing(path)
    assert report.counts == {("Patient", "created"): 2, ("Patient", "refused"): 1}
    (line,) = refused()
    assert line == {
        "file": str(path),
        "entry": 2,
        "resource": "Patient/2",
        "status": "422 Unprocessable Content",
        "issue": [{"severity": "error", "code": "required", "diagnostics": "It is missing.", "expression": ["X.y"]}],
    }
    server.refuse.clear()
    assert importing(path).counts == {("Patient", "unchanged"): 2, ("Patient", "created"): 1}
    assert refused() == []


def test_a_broken_file_is_not_sent_and_hides_no_other(importing, refused, server, file, bundle):
    whole = json.dumps(bundle("batch", (None, {"resourceType": "Patient", "id": "1"}, None)))
    cut = file("a.json", whole[:-2])
    bad = file("b.json.gz", {"resourceType": "Patient", "id": "2"})
    bad.write_bytes(bad.read_bytes()[:-9])
    good = file("c.json", {"resourceType": "Patient", "id": "3"})
    noise = file("d.json.gz", "")
    noise.write_bytes(b"\xff\xfe\x00")
    report = importing(cut, bad, good, noise)
    assert list(server.stored) == ["Patient/3"]
    assert report.files == {"imported": 1, "incomplete": 3, "skipped": 0}
    assert {line["file"] for line in refused()} == {str(cut), str(bad), str(noise)}


def test_a_broken_line_is_refused_alone(importing, refused, server, file):
    report = importing(
        file("a.ndjson", '{"resourceType":"Patient","id":"1"}\n{"resource\n{"resourceType":"Patient","id":"3"}\n')
    )
    assert list(server.stored) == ["Patient/1", "Patient/3"]
    assert report.refusals == 1
    assert refused()[0]["line"] == 2


def test_an_entry_that_cannot_be_read_is_refused_alone(importing, refused, server, file):
    text = '{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","id":"1","id":"2"}},'
    text += '{"resource":{"resourceType":"Patient","id":"3"}},{"request":{"method":"DELETE","url":"Patient/4"}}]}'
    report = importing(file("a.json", text))
    assert list(server.stored) == ["Patient/3"]
    assert [line["entry"] for line in refused()] == [1, 3]
    assert report.counts["(unreadable)", "refused"] == 2


def test_a_history_gives_its_newest_version(importing, server, file, bundle):
    path = file(
        "a.json",
        bundle(
            "history",
            *(
                ("http://ehr/Patient/1", {"resourceType": "Patient", "id": "1", "active": b}, None)
                for b in (True, False)
            ),
        ),
    )
    importing(path)
    assert server.stored["Patient/1"]["active"] is True
    assert server.versions == {"Patient/1": 1}


def test_a_later_entry_of_the_same_resource_wins(importing, server, file, bundle):
    path = file(
        "a.json",
        bundle("batch", *((None, {"resourceType": "Patient", "id": "1", "active": b}, None) for b in (True, False))),
    )
    importing(path)
    assert server.stored["Patient/1"]["active"] is False
    assert server.versions == {"Patient/1": 2}


def test_bundles_on_lines_may_use_the_same_fullurl(importing, server, file, bundle):
    lines = [
        json.dumps(
            bundle(
                "transaction",
                ("urn:uuid:p", {"resourceType": "Patient", "id": f"p{n}"}, None),
                ("urn:uuid:o", {**_observation("urn:uuid:p"), "id": f"o{n}"}, None),
            )
        )
        for n in range(3)
    ]
    importing(file("a.json", "\n".join(lines)))
    assert [server.stored[f"Observation/o{n}"]["subject"]["reference"] for n in range(3)] == [
        "Patient/p0",
        "Patient/p1",
        "Patient/p2",
    ]


def _mixed(bundle: Callable[..., dict[str, Any]], count: int) -> dict[str, Any]:
    types = ["Observation", "CareTeam", "Appointment", "Condition"]
    return bundle(
        "transaction",
        *(
            (_urn(n), {"resourceType": types[n % len(types)], "note": [{"reference": _urn((n * 7) % count)}]}, _POST)
            for n in range(count)
        ),
    )


@pytest.mark.parametrize("chunks", range(0, 20, 3))
def test_killed_at_any_chunk_and_run_again_it_completes(chunks, importing, server, file, bundle, monkeypatch):
    monkeypatch.setattr(sending, "ENTRIES", 3)
    path = file("a.json", _mixed(bundle, 60))
    server.die_after = chunks
    with pytest.raises(server.Killed):
        importing(path)
    answered = len(server.stored)
    server.die_after = None
    counts = importing(path).summary()["outcomes"]
    assert len(server.stored) == 60
    assert set(server.versions.values()) == {1}
    assert counts["created"] == 60 - answered
    assert counts["earlier"] + counts["unchanged"] == answered
    assert counts["earlier"] >= answered - 3 * (sending.CONNECTIONS + 1)  # sent again: what was under way


def test_limits_of_a_chunk(importing, server, file, bundle, monkeypatch):
    monkeypatch.setattr(sending, "ENTRIES", 4)
    monkeypatch.setattr(sending, "BYTES", 1000)
    sizes = [10, 10, 5000, 10, 10, 10, 10, 10]
    resources = [{"resourceType": "Patient", "id": str(n), "x": "x" * size} for n, size in enumerate(sizes)]
    importing(file("a.json", bundle("collection", *((None, resource, None) for resource in resources))))
    assert [len(batch) for batch in server.batches] == [2, 1, 4, 1]


def test_a_file_that_may_not_be_read_hides_no_other(importing, refused, server, file, monkeypatch):
    def digest(path: Path) -> bytes:
        if path.name == "a.json":
            raise PermissionError(13, "Permission denied")
        return path.name.encode()

    monkeypatch.setattr(files, "digest", digest)
    importing(file("a.json", {}), file("b.json", {"resourceType": "Patient", "id": "1"}))
    assert list(server.stored) == ["Patient/1"]
    assert refused()[0]["issue"][0]["diagnostics"] == "The file cannot be read: Permission denied."
