"""A server that does nothing but export a journal as the daemon does: `python -m benchmarks.export_server FILE PORT`.

`/csv` and `/xlsx` are all messages; any other address is nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from a1gateway.export.exports import Exports
from a1gateway.export.order import Form
from a1gateway.journal.search import Search

reactor: Any = installed


class Root(Resource):
    """All addresses."""

    isLeaf = True

    def __init__(self, journal: Path) -> None:
        super().__init__()
        self._exports = Exports(reactor, journal)

    def render(self, request: Request) -> int | bytes:
        """One of them."""
        form = request.path[1:].decode()
        if form not in set(Form):
            return b""
        sent = self._exports.send(request, Search(), Form(form), "ru")
        sent.addBoth(lambda _: request.finish())
        return NOT_DONE_YET


if __name__ == "__main__":
    reactor.listenTCP(int(sys.argv[2]), Site(Root(Path(sys.argv[1]))), interface="127.0.0.1")
    reactor.run()
