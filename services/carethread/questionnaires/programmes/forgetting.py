"""What was asked of whom is forgotten, once nothing that is decided goes by it any more.

What looks back is an answer's validity and the ceiling: as far as the longest validity of the programmes in effect, so
nobody is asked twice within it because something was forgotten. What can still be answered stays, however old.
"""

from __future__ import annotations

from carethread.core.ports import Session
from carethread.core.ports.asks import KEPT
from carethread.core.service import Runtime
from carethread.questionnaires.programmes.effect import in_effect
from carethread.questionnaires.programmes.terms import before

_AT_ONCE = 500


def forget_asks(runtime: Runtime, now: int) -> int:
    """Forget some of what is over for long at a moment (microseconds); returns how many. Raises Busy."""

    def work(session: Session) -> int:
        actions = (action for programme in in_effect(session).all for action in programme.actions)
        valid = min((before(now, each.validity) for each in actions), default=now)
        return session.asks.forget(min(valid, now - KEPT), _AT_ONCE)

    return runtime.store.transact(work)
