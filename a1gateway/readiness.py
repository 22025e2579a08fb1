"""Whether a send would get through, part by part, for `/readyz`; and what waits where, for `/metrics`."""

from __future__ import annotations

import math
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from .bitrix24.portal import Portal
from .bitrix24.registration import Registration
from .bitrix24.tokens import Tokens
from .carriers.outcome import Trouble
from .checklist.a1_checks import IBalances
from .errors import TryLater
from .gate import Gate
from .journal import Journal, Spool
from .metrics import Metrics

_PATIENCE = 2.0


class ILinkState(Protocol):
    """A lasting link to A1."""

    def state(self) -> dict[str, Any]:
        """How it is, as JSON."""

    def measure(self) -> None:
        """Put it into the metrics."""


class ISpace(Protocol):
    """The free space where messages are kept."""

    @property
    def short(self) -> bool:
        """Whether messages are refused for it."""

    @property
    def warning(self) -> str | None:
        """What the operator should know of it."""


class ITroubled(Protocol):
    """A part without which ordinary SMS get through."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with it; None while nothing is known to be."""


class IAccount(Protocol):
    """What A1 last said of the account."""

    @property
    def balance(self) -> IBalances | None:
        """What is left; None until it has said so."""


class Readiness:
    """Asks every part how it is."""

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        spool: Spool,
        gate: Gate,
        tokens: Tokens,
        portal: Portal,
        registration: Registration,
        metrics: Metrics,
        *,
        transport: str,
        link: ILinkState | None = None,
        space: ISpace | None = None,
        consent: ITroubled | None = None,
        automation: ITroubled | None = None,
        account: IAccount | None = None,
    ) -> None:
        """`link` is the lasting link to A1, where there is one; `space` the free space for what is kept.

        `consent` is where consents to marketing are asked for, if there is any marketing; `automation` where rules,
        events and scenarios are registered. `account` is what A1 says of it, where it can be asked.
        """
        self._clock = clock
        self._journal = journal
        self._spool = spool
        self._gate = gate
        self._tokens = tokens
        self._portal = portal
        self._registration = registration
        self._metrics = metrics
        self._transport = transport
        self._link = link
        self._space = space
        self._account = account
        self._beside = {"consent": consent, "automation": automation}

    async def readiness(self) -> dict[str, Any]:
        """`ready`, and `store`, `a1`, `portal` with `ok` and the reason where it is not.

        So `consent` and `automation`, beside it: without them ordinary SMS get through.
        """
        parts = {"store": await self._store(), "a1": self._a1(), "portal": self._portal_state()}
        state = {"ready": all(part["ok"] for part in parts.values()), **parts}
        for name, part in self._beside.items():
            if part is not None:
                trouble = part.trouble
                state[name] = {"ok": True} if trouble is None else {"ok": False, "trouble": trouble}
        return state

    async def figures(self) -> bytes:
        """The metrics, with the depths of the queues as they are now."""
        now = self._clock.seconds()
        try:
            for name, depth in (await self._journal.depths().addTimeout(_PATIENCE, self._clock)).items():
                self._metrics.queue(name, depth.count, now - depth.oldest if depth.oldest is not None else 0.0)
        except Exception:  # noqa: S110  # the other figures are wanted most when the journal is away
            pass
        if self._link is not None:
            self._link.measure()
        self._measure()
        count, oldest = await self._spool.depth()
        self._metrics.queue("spool", count, now - oldest if oldest is not None else 0.0)
        return self._metrics.text()

    def _measure(self) -> None:
        """How A1 and the portal are."""
        metrics, installed, trouble = self._metrics, self._tokens.installation, self._portal.trouble
        at_a1 = self._gate.trouble
        metrics.a1_ok.set(self._gate.known and at_a1 is None)
        metrics.a1_refuses.set(at_a1 is not None and at_a1.trouble is Trouble.CREDENTIALS)
        metrics.portal_ok.set(installed is not None and trouble is None)
        metrics.portal_shuts_out.set(installed is None or (trouble is not None and trouble.operator))
        metrics.sender_registered.set(self._registration.stands)
        metrics.refresh_token_ends.set(math.nan if installed is None else installed.refresh_token_ends_at)
        balance = None if self._account is None else self._account.balance
        metrics.balance.set(math.nan if balance is None else float(balance.sms))

    async def _store(self) -> dict[str, Any]:
        try:
            await self._journal.check().addTimeout(_PATIENCE, self._clock)
        except TryLater as trouble:
            return {"ok": False, "trouble": str(trouble)}
        except Exception:
            return {"ok": False, "trouble": f"the journal has not answered within {_PATIENCE:g} seconds"}
        if self._space is None or self._space.warning is None:
            return {"ok": True}
        if self._space.short:
            return {"ok": False, "trouble": self._space.warning}
        return {"ok": True, "warning": self._space.warning}

    def _a1(self) -> dict[str, Any]:
        state: dict[str, Any] = {"ok": self._gate.trouble is None, "transport": self._transport}
        if self._gate.trouble is not None:
            state |= {"trouble": str(self._gate.trouble), "sending_stopped": self._gate.closed}
        elif not self._gate.known:
            state |= {"ok": False, "trouble": "A1 has not answered yet"}
        if self._link is not None:
            state["link"] = self._link.state()
        return state

    def _portal_state(self) -> dict[str, Any]:
        installed = self._tokens.installation
        if installed is None:
            return {"ok": False, "trouble": "the application is not installed in Bitrix24"}
        state: dict[str, Any] = {
            "ok": True,
            "portal": installed.domain,
            "sender_registered": self._registration.stands,
        }
        trouble = self._portal.trouble
        if trouble is not None:
            # A portal that is away delays statuses; only one that shuts us out stops messages from coming.
            state |= {"ok": not trouble.operator, "trouble": str(trouble)}
        elif self._registration.trouble is not None and not self._registration.stands:
            state |= {"ok": False, "trouble": self._registration.trouble}
        return state
