"""What the configuration asks of Bitrix24 and of A1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ..automation.template import Prefix
from ..config_sections import Config
from ..sender_id.in_use import names_in_use

_ALWAYS = frozenset({"messageservice", "placement", "crm"})
"""For the sender and the reports of statuses; for the tabs in cards; for what a card shows to whom."""


@dataclass(frozen=True, slots=True)
class ExpectedCallback:
    """The callback as it has to be agreed with A1."""

    address: str
    """Without the secret that it ends with."""
    id_field: str
    status_field: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to be there."""

    transport: str
    has_keys: bool
    """Whether the application's `client_id` and `client_secret` are given."""
    scopes: frozenset[str]
    """The permissions that the application needs for what is configured."""
    sender_name: str
    sender_ids: Mapping[str, str]
    """The Sender IDs that messages are sent with, each with the key that names it."""
    consent_field: str | None
    """None when there is no marketing."""
    automation: bool
    """Whether there are automation rules or scenarios."""
    callback: ExpectedCallback | None
    poll_every: float | None
    """In seconds; None when A1 is not asked for statuses."""
    balance_below: Decimal = Decimal(0)
    """In BYN: with less the balance is low."""


def expected(config: Config) -> Expected:
    """What this configuration asks for."""
    smpp, callback, consent = config.a1.smpp, config.a1.callback, config.consent
    over_smpp = config.a1.transport == "smpp"
    asks = not over_smpp or (smpp is not None and smpp.query_sm)
    return Expected(
        transport=config.a1.transport,
        has_keys=bool(config.bitrix24.client_id),
        scopes=_scopes(config),
        sender_name=config.bitrix24.sender_name,
        sender_ids=_sender_ids(config),
        consent_field=None if consent is None else consent.contact_field,
        automation=config.automation.robots or bool(config.scenario),
        callback=None
        if callback is None or over_smpp
        else ExpectedCallback(f"{config.http.public_url}/a1/callback/", callback.id_field, callback.status_field),
        poll_every=config.polling.interval if asks else None,
        balance_below=config.alarms.least_balance,
    )


def _scopes(config: Config) -> frozenset[str]:
    needed = set(_ALWAYS)
    if config.automation.robots:
        needed.add("bizproc")
    if any(each.event == "missed_call" for each in config.scenario):
        needed.add("telephony")
    placeholders = [placeholder for each in config.scenario for placeholder in each.text.placeholders]
    if any(each.prefix is Prefix.ASSIGNED for each in placeholders):
        needed.add("user_brief")
    if config.alarms.to is not None:
        needed.add("im")
    return frozenset(needed)


def _sender_ids(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    for used in names_in_use(config):
        if used.name is not None:
            found.setdefault(used.name, used.key)
    return found
