"""The journal knows what was acknowledged, per server and by a file's content."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.importer.journal import Journal, Ranges


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)).map(lambda pair: (pair[0], sum(pair)))),
    st.integers(0, 100),
)
def test_ranges_hold_what_any_of_them_holds(ranges, number):
    assert (number in Ranges(sorted(ranges))) == any(first <= number <= last for first, last in ranges)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "journal.sqlite"


def test_ranges_outlive_the_process_until_the_file_is_complete(path):
    journal = Journal(path, "http://a")
    file = journal.open_file(Path("x"), b"digest", again=False)
    assert file is not None
    journal.acknowledge(file, "records", 1, 5)
    journal.acknowledge(file, "careteams", 2, 9)
    journal.acknowledge(file, "records", 1, 7)
    journal.close()
    journal = Journal(path, "http://a")
    assert journal.open_file(Path("moved"), b"digest", again=False) == file
    assert [n for n in range(12) if n in journal.acknowledged(file, "records")] == [1, 2, 3, 4, 5, 6, 7]
    assert [n for n in range(12) if n in journal.acknowledged(file, "careteams")] == [2, 3, 4, 5, 6, 7, 8, 9]
    journal.complete(file)
    assert journal.open_file(Path("x"), b"digest", again=False) is None


def test_again_forgets(path):
    journal = Journal(path, "http://a")
    file = journal.open_file(Path("x"), b"digest", again=False)
    assert file is not None
    journal.acknowledge(file, "records", 1, 5)
    journal.complete(file)
    assert journal.open_file(Path("x"), b"digest", again=True) == file
    assert 1 not in journal.acknowledged(file, "records")
    assert journal.open_file(Path("x"), b"digest", again=False) == file


def test_another_server_has_nothing(path):
    first, second = Journal(path, "http://a"), Journal(path, "http://b")
    file = first.open_file(Path("x"), b"digest", again=False)
    assert file is not None
    first.complete(file)
    assert second.open_file(Path("x"), b"digest", again=False) is not None
