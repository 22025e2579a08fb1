"""How the simulated SMSC writes the identifier of a part that it has accepted."""

from __future__ import annotations

import hashlib
import uuid

from a1gateway.sandbox.settings import Identifiers


def written(form: Identifiers, serial: int) -> str:
    """The identifier for the `serial` of an accepted part: at most 64 characters, the same every time."""
    match form:
        case Identifiers.DECIMAL:
            return f"{serial}"
        case Identifiers.DECIMAL_ZEROS:
            return f"{serial:020}"
        case Identifiers.HEX:
            return f"{serial:x}"
        case Identifiers.HEX_UPPER:
            return f"{serial:X}"
        case Identifiers.HEX_ZEROS:
            return f"{serial:016x}"
        case Identifiers.UUID:
            return _uuid(serial)
        case Identifiers.UUID_UPPER:
            return _uuid(serial).upper()
        case Identifiers.LONG:
            return f"A1_smsc-01-{serial:013x}-{hashlib.sha256(b'%d' % serial).hexdigest()[:24]}"


def _uuid(serial: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(serial)))
