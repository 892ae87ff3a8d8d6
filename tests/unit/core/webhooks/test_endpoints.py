"""URLs of webhooks: what is refused whatever it looks like, and which addresses may be called."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import Invalid
from carethread.core.webhooks.endpoints import endpoint, header, networks, refusal


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://ehr.example", "https://ehr.example", "/"),
        ("https://EHR.example./a?b=c", "https://ehr.example", "/a?b=c"),
        ("HTTPS://ehr.example:443/", "https://ehr.example", "/"),
        ("https://ehr.example:8443?x", "https://ehr.example:8443", "/?x"),
        ("https://192.0.2.1/in", "https://192.0.2.1", "/in"),
        ("https://[2001:DB8:0::1]:8443/in", "https://[2001:db8::1]:8443", "/in"),
        ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example", "/"),
        ("https://lab_1.example/%7Ea", "https://lab_1.example", "/%7Ea"),
    ],
)
def test_parts(url, origin, target) -> None:
    found = endpoint(url)
    assert (found.origin, found.target) == (origin, target)


REFUSED = [
    "", "https://", "https:///path", "https:ehr.example", "//ehr.example", "ehr.example/in", "ftp://ehr.example/",
    "http://ehr.example/", "file:///etc/passwd", "gopher://127.0.0.1:25/", "https://user@ehr.example/",
    "https://ehr.example@127.0.0.1/", "https://ehr.example:443@127.0.0.1/", "https://ehr.example#@127.0.0.1/",
    "https://ehr.example\\@127.0.0.1/", "https://ehr.example/a b", "https://ehr.example/\r\nHost: x",
    "https://ehr.example\t/", " https://ehr.example/", "https://ehr.example/ ", "https://ehr.example:0/",
    "https://ehr.example:65536/", "https://ehr.example:x/", "https://ehr..example/", "https://.ehr.example/",
    "https://ehr.example../", "https://-ehr.example/", "https://münchen.example/", "https://①②⑦.0.0.1/",
    "https://127。0。0。1/", "https://ehr%2eexample/", "https://%31%32%37.0.0.1/", "https://[::1%25lo]/",
    "https://[fe80::1%eth0]/", "https://[::g]/", "https://[]/", "https://[1.2.3.4]/", "https://::1/",
    "https://0x7f.1/", "https://0x7f000001/", "https://2130706433/", "https://017700000001/", "https://127.1/",
    "https://127.0.1/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://0x7f.0.0.0x1/", "https://1.2.3.4.5/",
    "https://256.1.1.1/", "https://ehr.0x/", "https://ehr.1/", "https://0/", "https://a.example/" + "\x00",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED, ids=range(len(REFUSED)))
def test_refused(url) -> None:
    with pytest.raises(Invalid) as caught:
        endpoint(url)
    assert caught.value.issues[0].expression == "Subscription.channel.endpoint"


def test_http_by_choice() -> None:
    assert endpoint("http://ehr.example:8080/in", http=True).origin == "http://ehr.example:8080"


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}/.{0,20}", fullmatch=True))
def test_any_text_is_parts_or_invalid(url) -> None:
    """What is let through consists of characters that every parser of URLs reads alike."""
    try:
        found = endpoint(url, http=True)
    except Invalid:
        return
    assert found.host and not set(found.host) & set("@\\#%/? \t\r\n") and found.host.isascii()
    assert found.target.startswith("/") and found.target.isascii() and found.target.isprintable()
    assert found.host in url.lower() or found.address is not None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"), ("10.0.0.1", "private"),
        ("172.31.1.1", "private"), ("192.168.1.1", "private"), ("169.254.169.254", "link-local"),
        ("0.0.0.0", "unspecified"), ("100.100.100.200", "shared"), ("168.63.129.16", "a cloud's own"),
        ("224.0.0.1", "multicast"), ("255.255.255.255", "reserved"), ("::", "unspecified"), ("::1", "loopback"),
        ("fe80::1", "link-local"), ("fd00:ec2::254", "private"), ("ff02::1", "multicast"), ("fec0::1", "private"),
        ("::ffff:127.0.0.1", "loopback"), ("::ffff:169.254.169.254", "link-local"), ("::127.0.0.1", "reserved"),
        ("64:ff9b::7f00:1", "loopback"), ("64:ff9b::a9fe:a9fe", "link-local"), ("64:ff9b:1::1", "reserved"),
        ("2002:7f00:1::", "a tunnel's"), ("2002:808:808::1", "a tunnel's"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"), ("2001:db8::1", "reserved"), ("100::1", "reserved"),
        ("5f00::1", "reserved"), ("8.8.8.8", ""), ("2606:4700::1111", ""), ("64:ff9b::808:808", ""),
        ("::ffff:8.8.8.8", ""), ("172.32.0.1", ""), ("100.128.0.1", ""),
    ],
)  # fmt: skip
def test_addresses(address, kind) -> None:
    assert refusal(ip_address(address)) == kind


@given(st.ip_addresses(v=4))
def test_only_global_ipv4(address: IPv4Address) -> None:
    """The standard library's registry is the second opinion: nothing that it calls private is called."""
    if not address.is_global or address.is_multicast:
        assert refusal(address)
    embedded = [IPv6Address(0xFFFF << 32 | int(address)), IPv6Address((0x64FF9B << 96) | int(address))]
    assert {refusal(each) for each in embedded} == {refusal(address)}


@given(st.ip_addresses(v=6))
def test_only_global_ipv6(address: IPv6Address) -> None:
    if (not address.is_global or address.is_multicast) and address.ipv4_mapped is None:
        assert refusal(address)


@given(st.ip_addresses())
def test_allowed_networks_are_the_only_way_round(address) -> None:
    allowed = networks("10.1.0.0/16, fd00::/8")
    assert (refusal(address, allowed) == "") == (refusal(address) == "" or any(address in net for net in allowed))
    assert refusal(IPv6Address("::ffff:10.1.2.3"), allowed) == "" != refusal(IPv4Address("10.2.0.1"), allowed)


def test_networks() -> None:
    assert networks("") == () and networks(" 127.0.0.0/8 ,::1/128,") == (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
    )
    for wrong in ("10.0.0.1/8", "example.org", "10.0.0.0/33"):
        with pytest.raises(ValueError, match=wrong.split("/")[0]):
            networks(wrong)


def test_headers() -> None:
    assert header("Authorization: Bearer abc") == ("Authorization", "Bearer abc")
    assert header("X-Empty:") == ("X-Empty", "")


@pytest.mark.parametrize(
    "line",
    ["", "Authorization", ": x", "A b: c", "A: b\r\nHost: x", "A: b\nC: d", "A: ü", "Host: x", "content-length: 3",
     "Transfer-Encoding: chunked", "Content-Type: text/plain", "Connection: close", "X-CareThread-Signature: sha256=0"],
)  # fmt: skip
def test_headers_refused(line) -> None:
    with pytest.raises(Invalid) as caught:
        header(line)
    assert caught.value.issues[0].expression == "Subscription.channel.header"
