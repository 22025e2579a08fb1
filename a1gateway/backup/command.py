"""`a1gateway backup` and `a1gateway restore`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..config import ConfigFaults
from ..config_sections import Config
from ..contact_base.progress import Progress
from ..control.command import add_config_option, run_command
from ..control.operations import IDesk
from ..errors import GatewayError
from ..hours import in_minsk, told_in_minsk
from ..journal.restored import Unsent
from .archive import SECRETS, SPOOL, Archive
from .making import Made, make_backup, remove_older
from .places import Places, places, read_places
from .restoring import CannotRestore, Restored, check_archive, config_of, restore, write_what_is_missing

_MB = 1_000_000
# Whoever sends goes first.
_NICENESS = 5
_BECOMES = {
    Unsent.ASK: "A1 is asked about each before it may go out",
    Unsent.HOLD: "they are held; let them go or end them with: a1gateway restore --held send, or --held drop",
    Unsent.SEND: "they go out, and some may arrive a second time",
    Unsent.DROP: "they end as uncertain, and Bitrix24 is told that they failed",
}


def add_backup_commands(commands: Any) -> None:
    """Declare the commands at the command line's subparsers."""
    backup = commands.add_parser("backup", help="journal, spool and configuration as one file, while the daemon runs")
    add_config_option(backup)
    backup.add_argument("--to", metavar="FILE|DIR", type=Path, help="default: the folder backups beside the journal")
    backup.add_argument(
        "--with-secrets", action="store_true", help="with the files of the secrets; keep it as secret"
    )
    backup.add_argument("--keep", metavar="N", type=_positive, help="remove all but the newest N from the folder")
    backup.add_argument("--json", action="store_true", help="say it as JSON")
    backup.set_defaults(run=partial(_told, "backup", _backup))
    back = commands.add_parser("restore", help="put back what a backup holds; the daemon must be stopped")
    back.add_argument("file", metavar="FILE", nargs="?", type=Path, help="made by: a1gateway backup")
    add_config_option(back)
    back.add_argument(
        "--unsent",
        choices=[str(each) for each in Unsent],
        help="what becomes of SMS that the backup holds as unsent; default: ask over HTTP, hold over SMPP",
    )
    back.add_argument(
        "--as-it-was", action="store_true", help="take nothing over that the journal that is there tells since then"
    )
    back.add_argument("--check", action="store_true", help="only see whether the file is whole and can be put back")
    back.add_argument("--held", choices=["send", "drop"], help="without FILE: what becomes of SMS that are held")
    back.add_argument("--json", action="store_true", help="say it as JSON")
    back.set_defaults(run=partial(_told, "restore", _restore))


def _now() -> float:
    return time.time()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number from 1")
    return number


def _told(name: str, work: Callable[[argparse.Namespace], int], given: argparse.Namespace) -> int:
    try:
        return work(given)
    except ConfigFaults as faults:
        sys.stderr.write(f"{faults}\n")
    except GatewayError as error:
        sys.stderr.write(f"a1gateway {name}: {error}\n")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"a1gateway {name}: {where}{error.strerror}\n")
    return 1


def _progress(given: argparse.Namespace) -> Progress | None:
    return Progress(sys.stderr, time.monotonic) if sys.stderr.isatty() and not given.json else None


def _show(progress: Progress | None) -> Callable[[float, str], None]:
    return (lambda done, what: None) if progress is None else progress.show


def _backup(given: argparse.Namespace) -> int:
    with suppress(OSError):
        os.nice(_NICENESS)
    began, progress = time.monotonic(), _progress(given)
    of = read_places(Path(given.config))
    made = make_backup(of, given.to, now=_now(), with_secrets=given.with_secrets, show=_show(progress))
    removed = remove_older(made.file.parent, given.keep) if given.keep else []
    if progress is not None:
        progress.clear()
    if given.json:
        _write_json(_made_as_json(made, time.monotonic() - began, removed))
    else:
        manifest = made.manifest
        secrets = made.count(SECRETS)
        with_secrets = f", {secrets} secrets: keep it as secret as these" if secrets else ""
        sys.stdout.write(
            f"{made.file}: {max(1, made.octets // _MB)} MB with {manifest.messages:,} messages, {made.count(SPOOL)}"
            f" of the spool, the configuration{with_secrets}; it has been read again and is whole\n"
        )
        for path in removed:
            sys.stdout.write(f"{path}: removed\n")
    return 0


def _made_as_json(made: Made, took: float, removed: list[Path]) -> dict[str, Any]:
    return {
        "file": str(made.file),
        "bytes": made.octets,
        "made_at": in_minsk(made.manifest.made_at),
        "version": made.manifest.version,
        "revision": made.manifest.revision,
        "messages": made.manifest.messages,
        "spooled": made.count(SPOOL),
        "secrets": made.count(SECRETS),
        "seconds": round(took, 1),
        "removed": [str(path) for path in removed],
    }


def _restore(given: argparse.Namespace) -> int:
    if given.file is None:
        return _held(given)
    if given.held is not None:
        raise CannotRestore("--held is for SMS that are held already: leave the file out")
    progress = _progress(given)
    show = _show(progress)
    now = _now()
    with open(given.file, "rb") as file:
        archive = Archive(file)
        check_archive(archive, show)
        config = Path(given.config).absolute()
        of = read_places(config) if config.exists() else places(config, config_of(archive))
        restored = Restored(of.journal, _chosen(given.unsent, of))
        if not given.check:
            write_what_is_missing(archive, of, restored)
            restore(archive, of, restored, now=now, as_it_was=given.as_it_was, show=show)
    if progress is not None:
        progress.clear()
    if given.json:
        _write_json(_restored_as_json(archive, restored, checked=given.check))
    else:
        sys.stdout.write("\n".join(_restored_told(archive, given.file, restored, checked=given.check)) + "\n")
    return 0


def _chosen(given: str | None, of: Places) -> Unsent:
    chosen = (Unsent.HOLD if of.over_smpp else Unsent.ASK) if given is None else Unsent(given)
    if chosen is Unsent.ASK and of.over_smpp:
        raise CannotRestore("over SMPP A1 cannot be asked what it has: choose --unsent hold, send or drop")
    return chosen


def _restored_told(archive: Archive, file: Path, restored: Restored, *, checked: bool) -> list[str]:
    manifest = archive.manifest
    made_at = told_in_minsk(manifest.made_at)
    what = f"of {made_at} in Minsk, by a1gateway {manifest.version}: {manifest.messages:,} messages"
    if checked:
        return [f"{file}: whole, {what}; nothing has been changed"]
    lines = [f"{restored.journal}: put back, {what}"]
    lines += [f"{path}: was missing, and is written" for path in restored.written]
    if restored.replaced is not None:
        lines.append(f"{restored.replaced}: the journal that was there; delete it once nothing of it is needed")
    carried = restored.carried_over
    if carried is not None and carried.rows:
        lines.append(
            f"from that one: {carried.newer:,} messages that were taken in after the backup, and what became of"
            f" {carried.known:,} others"
        )
    if restored.unreadable or (carried is not None and not carried.complete):
        lines.append("warning: not all of that one can be read; what it alone knew after the backup is not here")
    if restored.tokens_kept:
        lines.append("the tokens of Bitrix24 are those of the journal that was there: they are later")
    if restored.spooled:
        lines.append(f"{restored.spooled} that waited in the backup's spool are put back too")
    if restored.in_doubt:
        lines.append(f"{restored.in_doubt:,} messages may have gone out since: {_BECOMES[restored.unsent]}")
    return [*lines, "now start the daemon: systemctl start a1gateway"]


def _restored_as_json(archive: Archive, restored: Restored, *, checked: bool) -> dict[str, Any]:
    return {
        "made_at": in_minsk(archive.manifest.made_at),
        "version": archive.manifest.version,
        "revision": archive.manifest.revision,
        "messages": archive.manifest.messages,
        "changed": not checked,
        "journal": str(restored.journal),
        "replaced": None if restored.replaced is None else str(restored.replaced),
        "written": [str(path) for path in restored.written],
        "spooled": restored.spooled,
        "tokens_kept": restored.tokens_kept,
        "newer": None if restored.carried_over is None else restored.carried_over.newer,
        "complete": restored.carried_over is not None and restored.carried_over.complete,
        "in_doubt": restored.in_doubt,
        "unsent": str(restored.unsent),
    }


def _held(given: argparse.Namespace) -> int:
    if given.held is None and (given.unsent is not None or given.check):
        raise CannotRestore("give the file of a backup")

    async def work(desk: IDesk, config: Config) -> int:
        del config
        if given.held is None:
            count = (await desk.ask("restored.held", {}))["count"]
            found, said = {"held": count}, f"{count:,} messages are held since a backup was put back"
        else:
            count = (await desk.ask("restored.release", {"send": given.held == "send"}))["count"]
            ending = "may go out now" if given.held == "send" else "have ended as uncertain"
            found, said = {"released": count}, f"{count:,} messages {ending}"
        if given.json:
            _write_json(found)
        else:
            sys.stdout.write(f"{said}\n")
        return 0

    return run_command("restore", given.config, work)


def _write_json(content: dict[str, Any]) -> None:
    json.dump(content, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
