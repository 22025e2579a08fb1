"""The journal: every message, its way and its statuses, in an embedded store that survives a power cut."""

from .journal import Journal
from .spool import Spool
from .store import Store

__all__ = ["Journal", "Spool", "Store"]
