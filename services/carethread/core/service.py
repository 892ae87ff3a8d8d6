"""How a service declares itself: its types, mirrors, operations and reactions, as data that composition wires."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from carethread.core.context import Context
from carethread.core.errors import Issue
from carethread.core.events import Event
from carethread.core.gathering import Gathering
from carethread.core.ports import Key, Owners, Peer, Request, Resource, Response, Session, Store, Stored, Timer
from carethread.core.ports.analytics import Analytics
from carethread.core.webhooks.endpoints import Network


class Unit(Protocol):
    """One transaction as a write rule sees it: look at other resources, write them too, claim what is unique."""

    session: Session
    context: Context
    base_url: str
    own: bool
    """Whether the service itself decided on the write whose rule is asked; else a client wants it so."""
    if_match: frozenset[int] | None
    """The versions that the write whose rule is asked may change (`If-Match`), `{0}`: any; None: it does not say."""

    @property
    def runtime(self) -> Runtime:
        """The service that the transaction is of."""
        ...

    @property
    def now(self) -> int:
        """The moment of what the transaction writes, in microseconds; the clock goes on meanwhile."""
        ...

    def find(self, key: Key, *, again: bool = False) -> Resource | None:
        """The resource as it stands inside the transaction, locked; None when missing or deleted.

        What was not here cannot be locked, so it may be here by now: `again` looks once more.
        """
        ...

    def stored(self, key: Key) -> Stored | None:
        """The newest version inside the transaction, a deletion included; None where there never was one."""
        ...

    def staged(self, type_name: str) -> set[str]:
        """The ids of a type's resources that were written in this transaction, and are not stored yet."""
        ...

    def update(self, resource: Resource, verb: str = "") -> None:
        """Write another resource of this service along with the cause, with its own version and event.

        `verb` names what happens to it, where that is more than created or updated.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a write rule adds: a more specific verb for the event, and the resource to store where it differs from
    the sent."""

    verb: str | None = None
    resource: Resource | None = None


WriteRule = Callable[[Unit, "Resource | None", "Resource | None", str], Ruling]
"""Called in the transaction with the resource before (None: new), after (None: deleted) and its id.

May raise an error of `core.errors`, claim, and update other resources of the service.
"""


WriteHook = Callable[[Unit, "Resource | None", "Resource | None", str], None]
"""Called like a rule, before or after it."""


StoredHook = Callable[["Runtime", Session, Sequence[str], Context], None]
"""Called with the ids of what has just been stored of a type, deletions too, in the transaction that stores it; the
context is that of who has sent it."""


PROFILES = "https://carethread.dev/fhir/StructureDefinition/"
"""The canonical base of our own profiles, the files of `fhir_profiles/StructureDefinition`."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One owned type. `rule` is what else its write means; `profile` the canonical of our own profile, if it has one.

    Of writes that belong together, each first `gives_up` what it no longer needs, then the rules run, then each
    `settles` what is left over; so what one gives up another may take, in whatever order they were sent.

    What a rule does outside of resources and claims would happen though its write is only tried, as that of a
    transaction across services is at first: `stored` is called when versions are there.

    `asks` is called before a write by itself is decided, not in a transaction, with what is sent: it may ask owners,
    and raise what the write is refused for. What is sent with others is not asked about: some of them may be new.

    `judges` finds what `$validate` is to say of a resource, whether it claims our profile or not, beside what its
    definitions say, by which it is valid. It writes nothing.

    `only_looks`: of a new resource the rule as a rule only looks at what stands, without locks, so that creates that
    come at the same time are decided together; one that wants more is decided once more, by itself.
    """

    name: str
    rule: WriteRule | None = None
    gives_up: WriteHook | None = None
    settles: WriteHook | None = None
    profile: str = ""
    stored: StoredHook | None = None
    judges: Callable[[Runtime, Resource, Context], Sequence[Issue]] | None = None
    asks: Callable[[Runtime, Resource, Context], None] | None = None
    only_looks: bool = False


@dataclass(frozen=True, slots=True)
class Keeper:
    """What a mirror keeps of each version in place of a copy, which it has no more of then.

    `name` is the mirror's, another one when other things are made: then all is made anew. `made` is called outside of
    the transaction where that is possible, `keep` in it with what it gave; it stands repetition and disorder by itself.
    `reached`: all events of the type through a number of its owner's are in. `forget` parts with at most so many of
    what is kept, and returns how many.
    """

    name: str
    made: Callable[[Stored], Any]
    keep: Callable[[Session, Sequence[Any]], None]
    reached: Callable[[Session, int], None]
    forget: Callable[[Session, int], int]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A read-only copy of another service's type, kept so that chains, includes and rules run locally.

    `merged_only`: of Patient only those who were merged, so that searches find what refers to them. `params`: the only
    search parameters that the copies are indexed by, for the service's own use; searches from outside that lead there
    are the owner's. None: all, and searches lead there as they do to the service's own types. `stored`: what follows
    once copies are kept, as for an owned type, in a context of the service's own.

    `keeps`: copies are made only of what it is true for; what there is a copy of already stays one. `traces`: each of
    those has one of these texts in its JSON, so that most of the others need not be parsed.
    `keeper`: something else is kept than copies, and none of the above applies.
    """

    type: str
    owner: str
    merged_only: bool = False
    params: frozenset[str] | None = None
    stored: StoredHook | None = None
    keeps: Callable[[Resource], bool] | None = None
    traces: tuple[bytes, ...] = ()
    keeper: Keeper | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation of an operation: on which type and instance (empty: none), with which parameters.

    `params` are those of the URL and the simple ones of a Parameters body; `request` is the whole as it came.
    """

    type: str
    id: str
    params: Mapping[str, Sequence[str]]
    body: Resource | None
    request: Request


@dataclass(frozen=True, slots=True)
class Operation:
    """A FHIR operation `$name`; `levels` says where it stands, `type` on which type: empty for every type.

    `handler` answers with a resource, or with a whole Response where it is asynchronous or streamed.
    `affects_state` operations answer POST only (http://hl7.org/fhir/R4/operations.html). `judges_body`: the handler
    takes any resource for its body; else the body is a valid Parameters. `partial`: each service answers with its part,
    whoever owns the type. `parameters` are the names of the simple ones, which a URL can give; `asynchronous`: the
    answer is 202 with the URL to ask for what comes of it. `gathers`: calls that come at the same time are done
    together, so that it pays to have many of them wait. `judged` makes of a body, before it is known to be valid, the
    one that is to be: with what may be left out of a resource in it. `takes_form`: what is posted is the form of a
    page, which the handler reads from the request itself. `cancels`: DELETE takes back what it tells of. `answers` are
    media types that may be asked for in place of JSON.
    """

    name: str
    type: str
    levels: tuple[Literal["system", "type", "instance"], ...]
    definition: str
    handler: Callable[[Runtime, Call, Context], Resource | Response]
    affects_state: bool = False
    judges_body: bool = False
    partial: bool = False
    parameters: tuple[str, ...] = ()
    asynchronous: bool = False
    gathers: bool = False
    takes_form: bool = False
    cancels: bool = False
    answers: tuple[str, ...] = ()
    judged: Callable[[Resource], Resource] = lambda body: body


@dataclass(frozen=True, slots=True)
class Page:
    """What stands at a path of its own beside FHIR, for who knows nothing of that: a browser, a calendar program.

    `path` (`calendar/<token>.ics`) may have a `<token>`, which an operation of the service (`Appointment/$calendar`)
    gets as its parameter, with those of the query; whatever is accepted, its answer is sent. `sorry` says in place of
    an OperationOutcome what it means to people, by its status and headers, by what languages a browser accepts, and by
    whether something was posted. One with a `title` is listed at `/console`, with what it is `about`.
    """

    path: str
    operation: str
    methods: tuple[str, ...] = ("GET",)
    sorry: Callable[[int, Mapping[str, str], str, bool], Response] | None = None
    title: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file at a path of its own that pages need, such as a style sheet. It changes with the program only."""

    path: str
    media_type: str
    read: Callable[[], bytes]


Sample = tuple[Mapping[str, str], float]
"""A number with the labels that tell it from others of its name."""


class AskFirst(Exception):
    """Raised by a reaction or a timer's handler that lacks what another service knows: its transaction comes to
    nothing, so that nobody waits for its locks; then `ask` is called, which may raise Busy, and it is begun anew."""

    def __init__(self, ask: Callable[[], None]) -> None:
        super().__init__()
        self.ask = ask


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a service does when events of `types` arrive. `handle` may raise AskFirst.

    A `projection` can be reset and rebuilt by replay; an `effect` happens once per event, by the inbox. `reset` forgets
    what a projection has made, in transactions of its own; it may be begun again, and raises Busy.
    """

    name: str
    kind: Literal["projection", "effect"]
    types: tuple[str, ...]
    handle: Callable[[Runtime, Session, Sequence[Event]], None]
    reset: Callable[[Runtime], None] | None = None


TimerHandler = Callable[["Runtime", Session, Timer, Context], None]
"""Called with a timer that is due, in the transaction that takes it: what it does there happens together with that.

It may be called again where that transaction came to nothing. Any error but Busy puts the timer off and is told. It may
raise AskFirst.
"""


TimersHandler = Callable[["Runtime", Session, Sequence[Timer], Context], None]
"""Called as a TimerHandler is, with several timers of one kind that are due together."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service: one owner of its types."""

    name: str
    about: str
    types: tuple[ResourceType, ...]
    mirrors: tuple[Mirror, ...] = ()
    distils: Callable[[], Sequence[Mirror]] | None = None
    """Further mirrors, each with a keeper; they are no copies that anybody finds."""
    operations: tuple[Operation, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    timers: Mapping[str, TimerHandler] = field(default_factory=dict, hash=False)
    """What is done when a timer of a kind is due; see `core.ports.Timers`."""
    timers_together: Mapping[str, TimersHandler] = field(default_factory=dict, hash=False)
    """The same for kinds of which many may be due at once, and which wait for no other kind."""
    timers_last: frozenset[str] = frozenset()
    """Kinds that wait for all others: of which very many may be due at once, and none is urgent."""
    timers_at_once: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Of how many such timers a handler is told at most, for kinds of which more than usual pay."""
    definitions: tuple[str, ...] = ()
    """Folders of `fhir_profiles/` whose resources the service publishes as its own, such as `measures`."""
    shows: Callable[[Stored, str], Stored] | None = None
    """How a version is read, by `Runtime.small_cells`; without it as it is kept."""
    asks_ahead: Callable[[Runtime, Sequence[Resource], Context], None] | None = None
    """Called before a transaction begins, with all resources that are sent to be written in it, patched ones as they
    would be: finds out what rules then take for known, so that none waits for it while others wait for the store. It
    refuses nothing."""
    publishes: Callable[[], Sequence[Resource]] | None = None
    """Further resources that the service publishes as its own, made of what is not stored as it is."""
    topics: tuple[str, ...] = ()
    """The canonicals of the topics that can be subscribed to."""
    pages: tuple[Page, ...] = ()
    files: tuple[File, ...] = ()
    gauges: Mapping[str, Callable[[Session], float]] = field(default_factory=dict, hash=False)
    """What the service shows of itself beside what all do: names of `core.metric_names`, and how many there are now."""
    samples: Mapping[str, Callable[[Runtime, Session], Sequence[Sample]]] = field(default_factory=dict, hash=False)
    """Of what it shows those of which there may be none, or several with the labels of `core.metric_names.LABELS`."""

    def owns(self, type_name: str) -> ResourceType | None:
        """The declaration of an owned type."""
        return next((t for t in self.types if t.name == type_name), None)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one request: bytes of a body, matches on a page, entries of a Bundle, bytes of an event's data."""

    body_bytes: int = 16 * 1024 * 1024
    page: int = 1000
    default_page: int = 50
    bundle_entries: int = 5000
    includes: int = 1000
    event_bytes: int = 900_000


@dataclass(frozen=True, slots=True)
class Runtime:
    """A service with its parts in place; what interactions and operations work with."""

    service: Service
    store: Store
    owners: Owners
    peer: Peer
    base_url: str
    limits: Limits = field(default_factory=Limits)
    websocket_url: str = ""
    """Where websockets of subscriptions are bound; empty where none are served."""
    webhook_http: bool = False
    """Whether a webhook may be called without encryption."""
    webhook_networks: tuple[Network, ...] = ()
    """Private networks that webhooks may be in."""
    analytics: Analytics | None = None
    """The published facts, of the service that has them."""
    parquet: Callable[[Sequence[tuple[str, str]], bytes], bytes] | None = None
    """Makes of a table in CSV, by its columns' names and types in SQL, a Parquet file; where facts are."""
    small_cells: str = "exact"
    """Whether numbers of few people are told: `mask` or `exact`."""
    gatherings: defaultdict[str, Gathering] = field(
        default_factory=lambda: defaultdict(Gathering), init=False, repr=False, compare=False
    )
    """Where writes of one kind that come at the same time meet, to be stored together."""
