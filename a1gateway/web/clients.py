"""Who is at the other end of a request, also where a proxy stands between."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from twisted.internet.interfaces import IAddress
from twisted.web.iweb import IRequest

Network = IPv4Network | IPv6Network
HERE = "this machine"
"""The client of whatever this machine itself asks."""
_LONGEST = 4000
# One customer of a provider has as many addresses of version 6 as he likes, all in one such network.
_OF_ONE_CUSTOMER = 64
PRIVATE: tuple[Network, ...] = tuple(
    ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)
"""Addresses that no stranger on the Internet comes from (RFC 1918, RFC 3927, RFC 4193)."""


class Clients:
    """Tells clients from one another; believes `X-Forwarded-For` of the proxies alone that are trusted."""

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        """`proxies` besides this machine itself."""
        self._proxies = tuple(proxies)

    def of(self, request: IRequest) -> str:
        """The client's address, of version 6 the network of its owner; `HERE` for this machine.

        Every proxy puts the address that it sees behind those that it was told, so that the last one that is no
        proxy's is the client's, whatever the client itself has written before it.
        """
        return _name(self._address(request))

    def at(self, peer: IAddress) -> str:
        """The same for the other end of a connection, be it a proxy's."""
        return _name(_address_of(peer))

    def is_near(self, request: IRequest, networks: Sequence[Network] = PRIVATE) -> bool:
        """Whether it comes from this machine or from one of the networks."""
        found = self._address(request)
        return found is None or found.is_loopback or _is_in(found, networks)

    def trusts(self, peer: IAddress) -> bool:
        """Whether the other end of a connection is this machine, or a proxy."""
        found = _address_of(peer)
        return found is None or found.is_loopback or _is_in(found, self._proxies)

    def _address(self, request: IRequest) -> IPv4Address | IPv6Address | None:
        """None for a socket of this machine that has no address."""
        peer = request.getClientAddress()
        found = _address_of(peer)
        if not self.trusts(peer):
            return found
        named: list[bytes] = request.requestHeaders.getRawHeaders(b"X-Forwarded-For") or []
        for each in reversed(b",".join(named)[-_LONGEST:].decode("latin-1").split(",")):
            told = _read(each)
            if told is None:
                break
            found = told
            if not told.is_loopback and not _is_in(told, self._proxies):
                break
        return found


def _name(found: IPv4Address | IPv6Address | None) -> str:
    if found is None or found.is_loopback:
        return HERE
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _OF_ONE_CUSTOMER), strict=False))
    return str(found)


def _address_of(peer: IAddress) -> IPv4Address | IPv6Address | None:
    return _read(str(getattr(peer, "host", "")))


def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    # A socket for both versions shows those of version 4 like that.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in each for each in networks)
