"""`Appointment/$calendar-link`, which makes and revokes links to calendars, and `Appointment/$calendar`, which answers
what is asked at one."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import urljoin, urlsplit

from carethread.core.context import Context
from carethread.core.errors import Invalid, Malformed, NotFound
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Resource, Response, Session
from carethread.core.service import Call, Operation, Page, Runtime
from carethread.interactions.auditing import CREATED, REVOKED, audit
from carethread.interactions.mirror import remember
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.interactions.requesting import request
from carethread.interactions.rest.headers import not_modified
from carethread.scheduling.feeds import links
from carethread.scheduling.feeds.reading import visits
from carethread.scheduling.feeds.visits import Visit

ACTORS = ("Practitioner", "Location", "Patient")
_ACTOR, _REVOKE, _LINK, _TOKEN = "actor", "revoke", "link", "token"
_LINK_TAKES, _FEED_TAKES = (_ACTOR, _REVOKE, _LINK), (_TOKEN,)
_END = ".ics"


def calendar_link(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Make a link to an actor's calendar, or with `revoke` end the one that `link` names, or all.

    Raises Malformed for parameters, Invalid for an actor who is not here, Conflict for too many links, Busy.
    """
    refuse_unknown(call, "a calendar link", _LINK_TAKES)
    key = _actor(runtime, call)
    actor, link = f"{key[0]}/{key[1]}", once(call, _LINK) if _LINK in call.params else None
    if _flag(call, _REVOKE):
        token = None if link is None else link.rpartition("/")[2].removesuffix(_END)
        ended = runtime.store.transact(lambda session: _revoked(session, actor, token, context))
        if link is not None and not ended:
            raise NotFound("The actor has no such link: it was revoked, or never made.", expression=_LINK)
        return _parameters({"name": "revoked", "valueInteger": ended})
    if link is not None:
        raise Malformed("link names what is to be revoked; add revoke with true.", code="invalid", expression=_LINK)
    _must_be_here(runtime, key)

    def work(session: Session) -> tuple[str, int]:
        request(session, audit("scheduling", CREATED, "A link to the calendar was made.", actor, context), context)
        return links.make(session, actor), links.count(session, actor)

    token, count = runtime.store.transact(work)
    url = urljoin(runtime.base_url, f"calendar/{token}{_END}")
    return _parameters({"name": _LINK, "valueUrl": url}, {"name": "links", "valueInteger": count})


def feed(runtime: Runtime, call: Call, context: Context) -> Response:
    """The calendar that a link leads to. Raises Malformed without a token, NotFound for one that is not valid, Busy."""
    refuse_unknown(call, "a calendar", _FEED_TAKES)
    from carethread.scheduling.feeds.calendar import MEDIA_TYPE, calendar  # its library would delay every start

    token = once(call, _TOKEN)
    if not token:
        raise Malformed("token is needed: that of a calendar's link.", code="required", expression=_TOKEN)

    def work(session: Session) -> tuple[str, list[Visit]]:
        actor = links.actor_of(session, token)
        return actor, visits(runtime, session, actor, context) if actor else []

    actor, found = runtime.store.snapshot(work)
    if not actor:
        raise NotFound("There is no calendar at this link: it was revoked, or never made.")
    headers = {
        "ETag": f'W/"{sha256(repr(found).encode()).hexdigest()[:32]}"',
        "Cache-Control": "private, no-cache",
        "X-Robots-Tag": "noindex",
    }
    if not_modified(call.request.headers, headers["ETag"]):
        return Response(304, headers)
    host = urlsplit(runtime.base_url).netloc
    return Response(200, {"Content-Type": MEDIA_TYPE, **headers}, calendar(found, host))


def _revoked(session: Session, actor: str, token: str | None, context: Context) -> int:
    """How many links of the actor this ends."""
    ended = links.revoke(session, actor, token)
    if ended:
        request(
            session,
            audit("scheduling", REVOKED, f"Links to the calendar were revoked: {ended}.", actor, context),
            context,
        )
    return ended


def _actor(runtime: Runtime, call: Call) -> Key:
    """Whose calendar is meant."""
    given = [{"reference": text} for text in call.params.get(_ACTOR, ())]
    keys = keys_at({"value": given}, "value", runtime.base_url)
    if len(given) != 1 or len(keys) != 1 or keys[0][0] not in ACTORS:
        kinds = ", ".join(ACTORS)
        raise Malformed(
            f"actor is needed once: a reference to one of {kinds}, such as Practitioner/123.",
            code="value" if given else "required",
            expression=_ACTOR,
        )
    return keys[0]


def _must_be_here(runtime: Runtime, key: Key) -> None:
    """Raise Invalid for an actor whom neither the mirror nor the owner knows."""
    found = runtime.store.glance(lambda session: session.current([key])).get(key)
    if found is None:
        owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == key[0])
        found = runtime.owners.read(owner, key)
        remember(runtime, [found] if found else [])
    if found is None or found.deleted:
        raise Invalid(f"There is no such {key[0]}.", code="not-found", expression=_ACTOR)


def _flag(call: Call, name: str) -> bool:
    text = once(call, name).lower()
    if text not in ("", "true", "false"):
        raise Malformed(f"{name} is true or false.", code="value", expression=name)
    return text == "true"


def _parameters(*parts: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": list(parts)}


PAGES = (Page(f"calendar/<token>{_END}", "Appointment/$calendar"),)

OPERATIONS = (
    Operation(
        name="calendar-link",
        type="Appointment",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Appointment-calendar-link",
        handler=calendar_link,
        affects_state=True,
        parameters=_LINK_TAKES,
    ),
    Operation(
        name="calendar",
        type="Appointment",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Appointment-calendar",
        handler=feed,
        parameters=_FEED_TAKES,
    ),
)
