"""A journal as an older version of the gateway made it, without anything in it."""

from __future__ import annotations

import shutil
from pathlib import Path

from a1gateway.journal import Store
from a1gateway.journal import store as store_module


def older_journal(folder: Path, revision: str) -> Path:
    """An empty journal as the version of this revision made it."""
    migrations = folder / "migrations"
    shutil.copytree(store_module._MIGRATIONS, migrations)
    for file in (migrations / "versions").glob("v*.py"):
        if file.name[:5] > f"v{revision}":
            file.unlink()
    path = folder / "old.sqlite3"
    store = Store(f"sqlite:///{path}", migrations=migrations)
    store.prepare()
    store.close()
    return path
