"""What another service owns is requested, not written: the transaction that is the cause keeps the whole resource, and
the owner has it soon after the commit, at least once.

A rule requests nothing: of a transaction across services it may only be tried. The hook `stored` does, and operations,
reactions and timers do.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.core.ports import Key, Resource, Session, Wanted
from carethread.interactions.writing.version import partition_key


def request(session: Session, resource: Resource, context: Context, key: str = "", *, new: bool = False) -> str:
    """Have the owner of its type store a resource; returns its id, by which others may refer to it at once.

    Without an id it gets one, and is made once however often it is sent. With an id it replaces what is there, or is
    made; with `new` it is only made, for one whose id follows from its cause. What has the same key is sent in order;
    without one it is the patient whom the resource is about, else the resource itself.
    """
    asked = wanted(resource, context, key, new=new)
    session.requests.put(asked)
    return asked.id


def wanted(resource: Resource, context: Context, key: str = "", *, new: bool = False) -> Wanted:
    """What `request` puts, for those who put several at once."""
    type_name, known = resource["resourceType"], resource.get("id")
    id_: str = known or context.new_id()
    resource = {"resourceType": type_name, "id": id_, **resource}
    return Wanted(
        type_name,
        id_,
        json.render(resource),
        key or partition_key((type_name, id_), extract(resource)),
        new=new or not known,
        backfill=context.backfill,
        traceparent=context.traceparent[:64],
    )


def wanted_together(id_: str, resources: Sequence[Resource], context: Context, *, key: str) -> Wanted:
    """What is put for several resources of one owner that are only made, under ids that follow from their cause: all of
    them or none. `id_` is that of the transaction, by which it is told from others."""
    entries = [
        {
            "resource": each,
            "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}", "ifNoneMatch": "*"},
        }
        for each in resources
    ]
    return wanted(
        {"resourceType": "Bundle", "id": id_, "type": "transaction", "entry": entries}, context, key, new=True
    )


def request_change(
    session: Session, target: Key, patch: Sequence[Resource], context: Context, *, key: str, condition: str
) -> None:
    """Have the owner change elements of a resource by a JSON Patch, where it meets a condition when that arrives.

    The condition is search parameters, such as `status=requested,accepted`; where they do not hold any more, or the
    resource is not there, nothing is done. What its users have changed meanwhile stays. What has the same key is sent
    in order: give that by which the resource was requested.
    """
    session.requests.put(wanted_change(target, patch, context, key=key, condition=condition))


def wanted_change(target: Key, patch: Sequence[Resource], context: Context, *, key: str, condition: str) -> Wanted:
    """What `request_change` puts, for those who put several at once."""
    return Wanted(
        *target,
        json.render(list(patch)),
        key,
        backfill=context.backfill,
        traceparent=context.traceparent[:64],
        condition=condition,
    )
