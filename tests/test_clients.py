"""Whose request it is, behind proxies or without."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.web.http_headers import Headers

from a1gateway.web.clients import HERE, Clients

PROXIES = (ip_network("10.0.0.0/24"),)


class Asked:
    """As much of a request as tells whose it is."""

    def __init__(self, peer: IAddress, *forwarded: str) -> None:
        self._peer = peer
        self.requestHeaders = Headers({"X-Forwarded-For": list(forwarded)} if forwarded else {})

    def getClientAddress(self) -> IAddress:  # noqa: N802  # Twisted's name
        return self._peer


def asked(peer: str, *forwarded: str) -> Any:
    """A request from an address, with these headers; from none: through a socket without addresses."""
    if not peer:
        return Asked(UNIXAddress("/run/a1gateway.sock"), *forwarded)
    kind = IPv6Address if ":" in peer else IPv4Address
    return Asked(kind("TCP", peer, 4711), *forwarded)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        # Strangers may write what they like.
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("127.0.0.1", [], HERE),
        ("::1", [], HERE),
        ("", [], HERE),
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("", ["203.0.113.7"], "203.0.113.7"),
        ("::1", ["203.0.113.7"], "203.0.113.7"),
        # The last one is the proxy's word, those before it are the client's own.
        ("127.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        # A proxy behind a proxy.
        ("127.0.0.1", ["198.51.100.1, 203.0.113.7, 10.0.0.9"], "203.0.113.7"),
        ("10.0.0.9", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.9", ["127.0.0.1"], HERE),
        ("10.0.1.9", ["203.0.113.7"], "10.0.1.9"),
        ("10.0.0.9", [], "10.0.0.9"),
        ("10.0.0.9", ["nonsense"], "10.0.0.9"),
        ("127.0.0.1", ["203.0.113.7, nonsense"], HERE),
        # One socket for both versions.
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("::ffff:127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        # All addresses of one owner are one client.
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["[2001:db8:1:2::9]"], "2001:db8:1:2::/64"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxys(peer: str, forwarded: list[str], client: str) -> None:
    assert Clients(PROXIES).of(asked(peer, *forwarded)) == client


@given(st.sampled_from(["203.0.113.7", "127.0.0.1", "10.0.0.9", "::1", ""]), st.lists(st.text(max_size=40)))
def test_whatever_a_client_writes_into_the_header_there_is_a_client(peer: str, forwarded: list[str]) -> None:
    written = [
        each.encode("utf-8", "replace").decode("latin-1").translate({10: " ", 13: " ", 0: " "}) for each in forwarded
    ]
    assert Clients(PROXIES).of(asked(peer, *written))


@given(st.text("0123456789., ", max_size=60))
def test_behind_a_proxy_nothing_before_the_last_address_counts(before: str) -> None:
    assert Clients(PROXIES).of(asked("127.0.0.1", f"{before},203.0.113.7")) == "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "forwarded", "near"),
    [
        ("127.0.0.1", [], True),
        ("", [], True),
        ("192.168.1.5", [], True),
        ("fd00::5", [], True),
        ("203.0.113.7", [], False),
        ("127.0.0.1", ["203.0.113.7"], False),
        ("127.0.0.1", ["192.168.1.5"], True),
    ],
)
def test_near_is_this_machine_and_private_networks(peer: str, forwarded: list[str], near: bool) -> None:
    assert Clients().is_near(asked(peer, *forwarded)) is near


def test_near_can_be_other_networks_besides_this_machine() -> None:
    networks = [ip_network("203.0.113.0/24")]
    answers = [Clients().is_near(asked(each), networks) for each in ("203.0.113.7", "127.0.0.1", "192.168.1.5")]
    assert answers == [True, True, False]
