"""The views of comments' themes and of what reviews decided: a resource, and the rows that it is."""

from __future__ import annotations

from support.reviewing import complaint, decision
from support.viewing import rows


def test_comments_have_a_row_for_each_theme():
    answer, comment = complaint("c", "p", "waiting", "respect", severity="high")
    known = {"id": "c-comment", "status": "completed", "response_id": "c", "severity_code": "high"}
    known |= {"authored_at": "2030-02-10T09:00:00.000Z", "department_id": "ward"}
    assert rows("comment_themes", comment) == [known | {"theme_code": "waiting"}, known | {"theme_code": "respect"}]
    assert rows("comment_themes", answer) == []
    (unread,) = rows("comment_themes", complaint("c", "p")[1])
    assert "theme_code" not in unread
    assert unread["status"] == "requested"


def test_decisions_of_reviews():
    task = decision("d", "2030-01", "Call them", "2030-03-04", focus={"reference": "Measure/no-show-rate"})
    task["owner"]["display"] = "The desk"
    assert rows("review_decisions", task) == [
        {
            "id": "d",
            "status": "requested",
            "review": "ward/2030-01",
            "words": "Call them",
            "about": "Measure/no-show-rate",
            "owner": "Practitioner/lead",
            "owner_name": "The desk",
            "due_at": "2030-03-04T10:00:00.000Z",
            "authored_at": "2030-01-20T10:00:00.000Z",
            "department_id": "ward",
            "last_updated_at": "2030-02-20T08:00:00.000Z",
        }
    ]
    assert rows("review_decisions", complaint("c", "p")[0]) == []
