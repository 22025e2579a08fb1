"""`a1gateway erase`: what the journal has of a number, erased when its owner asks; and `a1gateway compact`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from .config_sections import Config
from .control.command import add_config_option, run_command, who_runs_it
from .control.operations import IDesk
from .language import add_language_option
from .msisdn import Msisdn, read_number
from .words.words import Words

_MB = 1_000_000


def add_erase_commands(commands: Any) -> None:
    """Declare the commands at the command line's subparsers."""
    erase = commands.add_parser("erase", help="erase what the journal has of a number, for a person who asks")
    what = erase.add_mutually_exclusive_group(required=True)
    what.add_argument("--number", metavar="N", help="a mobile number in any spelling")
    what.add_argument("--list", action="store_true", help="the erasures that there were, without the numbers")
    erase.add_argument("--dry-run", action="store_true", help="only show what there is")
    erase.add_argument("--yes", action="store_true", help="do not ask; needed without a terminal")
    erase.add_argument(
        "--with-evidence", action="store_true", help="the evidence of consents and the choices too; else they stay"
    )
    erase.add_argument("--json", action="store_true", help="as JSON instead, times in UTC")
    add_language_option(erase)
    add_config_option(erase)
    erase.set_defaults(run=_erase)
    compact = commands.add_parser("compact", help="write the journal's file anew, without what is not used")
    add_language_option(compact)
    add_config_option(compact)
    compact.set_defaults(run=_compact)


def _erase(given: argparse.Namespace) -> int:
    words = Words(given.language)
    if given.list:
        return run_command("erase", given.config, lambda desk, config: _list(desk, given, words))
    read = read_number(given.number)
    if not isinstance(read, Msisdn):
        sys.stderr.write(f"a1gateway erase: {words('erase.no_number', fault=read.fault)}\n")
        return 1
    number = read.number

    async def work(desk: IDesk, config: Config) -> int:
        del config
        if given.dry_run or not given.yes:
            if not given.json:
                sys.stderr.write(f"{words('erase.looking')}\n")
            found = await desk.ask("erase.look", {"number": number})
            if given.dry_run and given.json:
                _write_json({"number": number, "dry_run": True, **found})
                return 0
            told = told_found(number, found, words, with_evidence=given.with_evidence)
            _write(told, sys.stderr if given.json else sys.stdout)
            if given.dry_run:
                return 0
            if not sys.stdin.isatty():
                sys.stderr.write(f"a1gateway erase: {words('erase.needs_yes')}\n")
                return 1
            if not _agrees(words):
                sys.stderr.write(f"{words('erase.not_done')}\n")
                return 1
        asked = {"number": number, "by": who_runs_it(), "with_evidence": given.with_evidence}
        erased = await desk.ask("erase.go", asked)
        if given.json:
            _write_json({"number": number, "dry_run": False, **erased})
        else:
            _write(told_erased(number, erased, words), sys.stdout)
        return 0

    return run_command("erase", given.config, work)


async def _list(desk: IDesk, given: argparse.Namespace, words: Words) -> int:
    records = await desk.ask("erase.records", {})
    if given.json:
        _write_json(records)
    else:
        lines = [words("erase.none")] if not records else [_record(each, words) for each in records]
        _write(iter(lines), sys.stdout)
    return 0


def _compact(given: argparse.Namespace) -> int:
    words = Words(given.language)

    async def work(desk: IDesk, config: Config) -> int:
        del config
        sys.stderr.write(f"{words('compact.begins')}\n")
        found = await desk.ask("journal.compact", {})
        sizes = {name: words.number(found[name] / _MB, 1) for name in ("before", "after")}
        sys.stdout.write(f"{words('compact.done', **sizes)}\n")
        return 0

    return run_command("compact", given.config, work)


def told_found(number: str, found: Mapping[str, Any], words: Words, *, with_evidence: bool) -> Iterator[str]:
    """What there is of a number, what would be erased, and what would stay, for people."""
    yield (
        words("erase.found", number=words.phone(number))
        if found["counts"]
        else words("erase.nothing", number=words.phone(number))
    )
    yield from _counts(found["counts"], words)
    if found["under_way"]:
        yield words("erase.under_way", count=words.number(found["under_way"]))
    if with_evidence:
        yield from _counts({name: found[name] for name in ("evidence", "choices") if found[name]}, words)
    elif found["evidence"] or found["choices"]:
        yield _evidence_stays(found, words)
    yield from _stays(found, words)


def told_erased(number: str, erased: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What was erased, what will be, and what stays, for people."""
    record = erased["erasure"]
    done = words("erase.done" if record["counts"] else "erase.nothing_done", number=words.phone(number))
    yield f"{done} {words('erase.record', id=record['id'])}"
    yield from _counts(record["counts"], words)
    for name, count in erased["left"].items():
        if count:
            yield words(f"erase.left.{name}", count=words.number(count))
    if erased["evidence"] or erased["choices"]:
        yield _evidence_stays(erased, words)
    yield from _stays(erased, words)
    if not erased["is_tidy"]:
        yield words("erase.not_tidy")


def _counts(counts: Mapping[str, int], words: Words) -> Iterator[str]:
    for place, count in counts.items():
        yield f"  {words(f'erase.place.{place}')}: {words.number(count)}"


def _evidence_stays(found: Mapping[str, Any], words: Words) -> str:
    counts = {name: words.number(found[name]) for name in ("evidence", "choices")}
    return words("erase.evidence_stays", **counts)


def _stays(found: Mapping[str, Any], words: Words) -> Iterator[str]:
    if found["stopped"]:
        yield words("erase.stopped")
    if found["copies"]:
        yield words("erase.copies", files=", ".join(found["copies"]))
    yield words("erase.elsewhere")


def _record(record: Mapping[str, Any], words: Words) -> str:
    counts = ", ".join(
        f"{words(f'erase.place.{place}')}: {words.number(count)}" for place, count in record["counts"].items()
    )
    done = words("erase.pending") if record["done_at"] is None else words.minute(record["done_at"])
    values = {"id": record["id"], "at": words.minute(record["asked_at"]), "by": record["asked_by"], "done": done}
    return words("erase.one", counts=counts or "—", **values)


def _agrees(words: Words) -> bool:
    sys.stderr.write(f"{words('erase.ask')} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in words("erase.yes").split()


def _write(lines: Iterator[str], out: TextIO) -> None:
    out.write("".join(f"{line}\n" for line in lines))


def _write_json(content: Any) -> None:
    json.dump(content, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
