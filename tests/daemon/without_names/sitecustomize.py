"""In the Python that has this folder on its path, nothing is resolved while the file `NO_NAMES` is there.

With `hangs` in it, whoever asks waits until it is gone. Addresses are not found either: the sandbox has no name.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

_flag = Path(os.environ["NO_NAMES"])
_getaddrinfo = socket.getaddrinfo


def _resolve(*arguments: Any, **more: Any) -> Any:
    unresolved = _flag.exists()
    while _flag.exists() and _flag.read_text() == "hangs":
        time.sleep(0.2)
    if unresolved:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return _getaddrinfo(*arguments, **more)


socket.getaddrinfo = _resolve
