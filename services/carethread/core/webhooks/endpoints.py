"""Where a webhook may go: a URL read strictly, and the judgement of each address that its host has.

Whoever may create a Subscription chooses a URL that this server calls, so the URL must not lead into the network that
the server stands in (server-side request forgery). A URL is read by one strict grammar, a part of RFC 3986, so that no
two parsers can differ on its host; addresses are judged by the registries of special-purpose addresses (RFC 6890,
https://www.iana.org/assignments/iana-ipv4-special-registry), those that IPv6 addresses embed too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from carethread.core.errors import Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_URL = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,254})"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<target>[/?][A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS = {"http": 80, "https": 443}
_FORM = "https://host, https://host:port or https://host/path?query, with a host name in ASCII or an IP address"
_HEADER = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*(?P<value>[ -~\t]*)")
_RESERVED = {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive", "te",
             "proxy-authorization", "proxy-connection", "trailer", "transfer-encoding", "upgrade"}  # fmt: skip


def _named(*rows: tuple[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(cidr), name) for cidr, name in rows)


_SPECIAL = _named(
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud's own"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "reserved"),
    ("198.51.100.0/24", "reserved"),
    ("203.0.113.0/24", "reserved"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "reserved"),
    ("2002::/16", "a tunnel's"),
    ("3fff::/20", "reserved"),
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_EMBEDDING = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv4-mapped addresses and the well-known prefix of NAT64 (RFC 6052): they are the IPv4 address in their last bits."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook's URL in parts: `host` is in lower case, without a dot at the end; of an IPv6 address, no brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def address(self) -> Address | None:
        """The host, where it is an address itself."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """The Host header (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what is slow or dead together."""
        return f"{self.scheme}://{self.authority}"


def endpoint(url: str, *, http: bool = False, expression: str = "Subscription.channel.endpoint") -> Endpoint:
    """The parts of a URL; `http` allows it without encryption. Raises Invalid saying what is allowed."""
    match = _URL.fullmatch(url)
    if match is None:
        raise Invalid(f"An endpoint is written {_FORM}; no user, no fragment.", code="value", expression=expression)
    scheme = match["scheme"].lower()
    if scheme == "http" and not http:
        raise Invalid("An endpoint begins with https://.", code="value", expression=expression)
    port = int(match["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise Invalid("A port is a number from 1 to 65535.", code="value", expression=expression)
    target = match["target"] or "/"
    return Endpoint(
        scheme, _host(match["host"].lower(), expression), port, target if target[0] == "/" else f"/{target}"
    )


def _host(host: str, expression: str) -> str:
    """The host in its one spelling: addresses as RFC 5952 and RFC 6943 section 3.1.1 want them, in no older
    notation."""
    try:
        if host.startswith("["):
            return str(IPv6Address(host[1:-1]))
        host = host.removesuffix(".")
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return str(IPv4Address(host))
    except ValueError:
        raise Invalid(
            "An address in an endpoint is written as 192.0.2.1 or [2001:db8::1].", code="value", expression=expression
        ) from None
    if not all(map(_LABEL.fullmatch, labels)):
        raise Invalid("The host of an endpoint is no host name.", code="value", expression=expression)
    return host


def networks(text: str) -> tuple[Network, ...]:
    """Networks from `10.1.0.0/16, fd00::/8`. Raises ValueError for what is none."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def refusal(address: Address, allowed: Sequence[Network] = ()) -> str:
    """Why an address may not be called: the kind that it is of, such as `loopback`; empty: it may."""
    for prefix in _EMBEDDING:
        if address in prefix:
            address = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in allowed):
        return ""
    found = next((kind for network, kind in _SPECIAL if address in network), "")
    if not found and isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return "reserved"
    return found


def header(line: str, *, expression: str = "Subscription.channel.header") -> tuple[str, str]:
    """A Subscription's header line, `Name: value`. Raises Invalid for what no HTTP header is, and for those of HTTP
    itself and ours."""
    match = _HEADER.fullmatch(line)
    if match is None:
        raise Invalid("A header is written `Name: value`, in ASCII and one line.", code="value", expression=expression)
    name = match["name"]
    if name.lower() in _RESERVED or name.lower().startswith("x-carethread-"):
        raise Invalid(f"The header {name[:64]} is set by the sender.", code="value", expression=expression)
    return name, match["value"].strip()
