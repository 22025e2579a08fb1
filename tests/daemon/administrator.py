"""An administrator of the portal at the application's pages, without a browser."""

from __future__ import annotations

import re

from .calls import Reply, fetch
from .forms import Forms
from .processes import eventually
from .stack import Stack


class Administrator:
    """Opens the application as the portal's frame does, and asks for its pages in English."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._session = ""

    def page(self, name: str, **fields: str) -> Reply:
        """A page; the application is opened again when the daemon does not know the session any more."""
        reply = self._asked(name, fields)
        if reply.status == 401:
            self._open()
            reply = self._asked(name, fields)
        return reply

    def begins(self, name: str, **fields: str) -> str:
        """The job of the contact base that this begins, or that is under way already."""
        return self._of(self.page(name, **fields).text, r'data-with-job="([^"]+)"')

    def share(self, job: str) -> float:
        """How much of a job has been done, 0 to 1; 1 of one that has ended."""
        text = self.page("base-job", job=job).text
        return float(self._of(text, r'<progress max="100" value="([^"]+)"')) / 100 if "<progress" in text else 1.0

    def ended(self, job: str) -> str:
        """The page of a job that has ended."""

        def page() -> str | None:
            text = self.page("base-job", job=job).text
            return None if "<progress" in text else text

        return eventually(page, 120, f"{job} has ended")

    def _asked(self, name: str, fields: dict[str, str]) -> Reply:
        url = f"{self._stack.gateway.url}/bitrix24/pages/{name}"
        return fetch("POST", url, form=fields, headers={"X-A1-Session": self._session})

    def _open(self) -> None:
        frame = Forms()
        frame.feed(fetch("GET", f"{self._stack.portal.base}/sandbox/app?user=1&lang=en").text)
        self._session = self._of(fetch("POST", frame.action, form=frame.fields).text, r'data-session="([^"]+)"')

    @staticmethod
    def _of(text: str, pattern: str) -> str:
        found = re.search(pattern, text)
        assert found is not None, text
        return found[1]
