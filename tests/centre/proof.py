"""`make smpp-proof`: the centre disconnects at random while thousands of messages are sent, and the books must agree.

Prints what it does and a table, and exits with 1 when the books disagree.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from urllib.parse import urlsplit

from ..daemon.processes import Warden, eventually
from ..daemon.stack import Sent, Stack
from .books import Comparison, Fault, compare
from .centre import Manner, Receipts, why_not

MANNER = Manner(answer_after=(0.0, 0.03), receipts=Receipts(after=(0.05, 0.6), reference=0.5))
"""Answers in any order; half of the receipts give the reference back."""
CHANGES: dict[str, dict[str, object]] = {
    "a1.smpp": {"window": 32, "messages_per_second": 0, "uncertain_hold": 2, "response_timeout": 5},
    "log": {"level": "info"},
}

_LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
_CONNECTIONS = 4
# How many messages may be on their way to the gateway, and after how many that is looked at.
_AHEAD = 60
_LOOK_AFTER = 20
_SAY_EVERY = 10.0
# A message in this many parts for so many in one.
_LENGTHS = (1,) * 16 + (2, 2, 3, 5)

Say = Callable[[str], None]


def texts(seed: int) -> Iterator[str]:
    """Texts of one part mostly, Cyrillic and Latin, no two alike, without end."""
    draw = random.Random(seed)
    for number in count():
        parts = draw.choice(_LENGTHS)
        cyrillic = draw.random() < 0.7
        room = (70 if cyrillic else 160) if parts == 1 else (67 if cyrillic else 153) * parts
        begin = f"Заказ {number}: " if cyrillic else f"Order {number}: "
        letters = _LETTERS if cyrillic else "abcdefghijklmnopqrstuvwxyz @$_^{}[]~|"
        length = room - len(begin) if parts > 1 else draw.randrange(8, 40)
        if not cyrillic:
            # Every character may count two.
            length //= 2
        yield begin + "".join(draw.choices(letters, k=length)).rstrip()


def send_fast(stack: Stack, wanted: Sequence[str]) -> list[Sent]:
    """Send each text from the card to a number of its own, over several connections that are kept.

    No faster than the gateway takes them: of hundreds of calls at once some would be given up.
    """
    portal = urlsplit(stack.portal.base)

    def send(offset: int) -> list[tuple[int, Sent]]:
        connection = http.client.HTTPConnection(portal.hostname or "", portal.port, timeout=60)
        sent = []
        try:
            for number in range(offset, len(wanted), _CONNECTIONS):
                if number % _LOOK_AFTER < _CONNECTIONS:
                    _wait_for(stack, number - _AHEAD)
                to, text = f"+37529{1_000_000 + number}", wanted[number]
                body = json.dumps({"to": to, "text": text, "module": "crm"})
                connection.request("POST", "/sandbox/send", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                row = json.loads(answer.read())
                assert answer.status == 200, row
                sent.append((number, Sent(row["message_id"], text, to)))
        finally:
            connection.close()
        return sent

    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        made = [each for some in threads.map(send, range(_CONNECTIONS)) for each in some]
    return [sent for _, sent in sorted(made, key=lambda each: each[0])]


def counted(stack: Stack) -> dict[str, int]:
    """How many messages there are in the journal, and how many of them Bitrix24 knows the end of."""
    (row,) = stack.gateway.rows("SELECT count(*) AS n, count(confirmed_at) AS confirmed FROM messages")
    return row


def _all_confirmed(stack: Stack) -> bool:
    """Whether every message that the portal handed over has come to its end."""
    row = counted(stack)
    if row["confirmed"] < row["n"]:
        return False
    calls = [card["calls"] for card in stack.portal.messages()]
    return all(calls) and row["n"] >= calls.count([200])


def _wait_for(stack: Stack, taken: int) -> None:
    """Wait until the gateway has taken so many."""
    eventually(lambda: counted(stack)["n"] >= taken, 120, f"the gateway takes {taken}")


def prove(stack: Stack, *, messages: int, cuts: int, seed: int, within: float, say: Say) -> Comparison:
    """Send so many messages with so many disconnections through a stack that is ready; how the books stand then.

    Raises `AssertionError` when not everything has come to its end `within` seconds.
    """
    wanted = list(islice(texts(seed), messages))
    # So that the last one comes before the messages are out.
    stack.centre.cut_at_submits(seed=seed, count=cuts, every=max(1, messages // (cuts + cuts // 8 + 1)))
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(send_fast, stack, wanted)
        say_at = begun + _SAY_EVERY
        while not (sending.done() and _all_confirmed(stack)):
            now = time.monotonic()
            row = counted(stack)
            assert now < begun + within, f"after {within:.0f} s {row['confirmed']} of {row['n']} are confirmed"
            if now > say_at:
                say_at = now + _SAY_EVERY
                made = sum(stack.centre.cuts_made().values())
                say(f"{now - begun:5.0f} s: {row['n']} taken, {row['confirmed']} confirmed, {made} disconnections")
            time.sleep(0.3)
        sent = sending.result()
    say(f"all are confirmed after {time.monotonic() - begun:.0f} s")
    made = sum(stack.centre.cuts_made().values())
    comparison = compare(stack, sent)
    if made != cuts:
        comparison.faults.append(Fault("the centre", f"there were {made} disconnections, not {cuts}"))
    return comparison


def main(arguments: Sequence[str]) -> int:
    """Run the proof; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.centre.proof", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--within", type=float, default=3600.0, help="seconds")
    chosen = parser.parse_args(arguments)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    reason = why_not()
    if reason is not None:
        say(reason)
        return 1
    directory = Path(tempfile.mkdtemp(prefix="smpp-proof-"))
    say(f"{chosen.messages} messages, {chosen.cuts} disconnections, seed {chosen.seed}; logs in {directory}")
    warden = Warden()
    try:
        stack = Stack(warden, directory, warm=False, manner=MANNER, certificate=None, **CHANGES).started()
        counts = vars(chosen) | {"say": say}
        comparison = prove(stack, **counts)
        for kind, number in stack.centre.cuts_made().items():
            say(f"{number:>8}  disconnections: {kind}")
    finally:
        warden.close()
    for what, number in comparison.rows():
        say(f"{number:>8}  {what}")
    for fault in comparison.faults[:50]:
        say(f"          {fault}")
    return 1 if comparison.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
