"""The whole way of a message, as all books tell it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ..centre.centre import Book
from ..daemon.stack import Sent, Stack
from .books import Books


def way(stack: Stack, books: Books, sent: Sent) -> Iterator[str]:
    """Lines for whoever looks for what went wrong; the journal and the logs are read anew."""
    yield f"message {sent.message_id} to {sent.to}: {sent.text!r}"
    yield f"  portal    {_line(books.cards[sent.message_id])}"
    if isinstance(books.taken, Book):
        numbers = set()
        for submit in books.taken.submits:
            if f"+{submit.destination}" == sent.to:
                numbers.add(submit.number)
                yield f"  submit    {_line(asdict(submit))}"
                yield f"            in {_line(asdict(books.taken.sessions[submit.session - 1]))}"
        for delivery in books.taken.deliveries:
            if delivery.submit in numbers:
                yield f"  receipt   {_line(asdict(delivery))}"
    else:
        for message in books.taken:
            if f"+{message['msisdn']}" == sent.to:
                yield f"  A1        {_line(message)}"
    row = books.journal.get(sent.message_id)
    if row is None:
        yield "  journal   nothing"
    else:
        yield f"  journal   {_line(row)}"
        for table, order in (("history", "id"), ("parts", "number")):
            query = f"SELECT * FROM {table} WHERE message = ? ORDER BY {order}"  # noqa: S608
            for step in stack.gateway.rows(query, row["id"]):
                yield f"  {table:9} {_line(step)}"
    for process in stack.gateway.processes:
        for line in process.out.splitlines():
            if sent.message_id in line:
                yield f"  daemon {process.pid}: {line}"


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in values.items() if value is not None}, ensure_ascii=False)
