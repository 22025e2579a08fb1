"""Addresses of portals: which may be called, and whether two are the same."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..config_values import is_loopback


def endpoint_address(url: str) -> str | None:
    """A REST endpoint in the form that methods' names are put behind; None for one that must not be called.

    Only https, or plain http on this machine, where nobody can listen on the way.
    """
    try:
        split = urlsplit(url.strip())
        host, port = split.hostname, split.port
    except ValueError:
        return None
    if not host or split.username or split.password or split.query or split.fragment:
        return None
    if split.scheme != "https" and not (split.scheme == "http" and is_loopback(host)):
        return None
    return f"{split.scheme}://{_netloc(host, port)}{split.path.rstrip('/')}/"


def portal_endpoint(portal: str) -> str | None:
    """The REST endpoint of a portal by its host name, with a port perhaps; None for what is no host name."""
    if any(sign in portal for sign in "/@?#\\ "):
        return None
    try:
        host = urlsplit(f"//{portal}").hostname or ""
    except ValueError:
        return None
    return endpoint_address(f"{'http' if is_loopback(host) else 'https'}://{portal}/rest/")


def portal_of(endpoint: str) -> str:
    """The host name, and the port where it is named, of an endpoint: what portals are told apart by."""
    split = urlsplit(endpoint)
    return _netloc(split.hostname or "", split.port)


def same_portal(one: str, other: str) -> bool:
    """Whether two host names, each with a port perhaps, are one portal's."""
    return _plain(one) == _plain(other)


def _plain(portal: str) -> str:
    name = portal.strip().lower()
    for prefix in ("https://", "http://"):
        name = name.removeprefix(prefix)
    return name.rstrip("/").removesuffix(":443")


def _netloc(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"
