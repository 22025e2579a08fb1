"""What `a1gateway doctor` asks of the daemon beside the checklist."""

from __future__ import annotations

import hmac
from typing import Any

from pydantic import BaseModel, SecretStr

from .. import __version__
from ..config_sections import Config
from ..errors import GatewayError
from ..web.sightings import Sightings
from .operations import Operation

_SHORTEST_WORD = 32


def doctor_operations(config: Config, sightings: Sightings) -> dict[str, Operation]:
    """Its configuration, told by a fingerprint, and whether requests with a word in their address arrive at it."""

    async def begin(given: dict[str, Any]) -> Any:
        word = str(given["word"])
        if len(word) < _SHORTEST_WORD:
            raise GatewayError(f"a word of fewer than {_SHORTEST_WORD} characters may be met by chance")
        sightings.expect(word)
        return {"version": __version__, "config": fingerprint(config, word)}

    async def seen(given: dict[str, Any]) -> Any:
        return sightings.seen(str(given["word"]))

    return {"doctor.begin": begin, "doctor.seen": seen}


def fingerprint(config: Config, word: str) -> str:
    """The same for configurations that mean the same, secrets included; of no use without the `word`."""
    return hmac.digest(word.encode(), repr(_plain(config)).encode(), "sha256").hex()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
