"""Who sent a message, and from which items: at the door, and of messages of versions before."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.journal import Journal, Store
from a1gateway.journal.origins import COMMAND, sent_by

from .conftest import START, arrival, run
from .older_journal import older_journal

ORIGINS: list[tuple[dict[str, Any], str, list[tuple[int, int]]]] = [
    (
        {"module_id": "crm", "code": "a1sms_by", "bindings": {"0": {"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}}},
        "card",
        [(2, 4182)],
    ),
    (
        {
            "module_id": "crm",
            "bindings": {
                "0": {"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"},
                "1": {"OWNER_TYPE_ID": "3", "OWNER_ID": "7"},
                "2": {"OWNER_TYPE_ID": "3", "OWNER_ID": "7"},
                "3": {"OWNER_TYPE_ID": "x", "OWNER_ID": "7"},
                "4": "3",
            },
        },
        "card",
        [(2, 4182), (3, 7)],
    ),
    (
        {"module_id": "bizproc", "document_id": {"0": "crm", "1": "CCrmDocumentLead", "2": "LEAD_5"}},
        "robot",
        [(1, 5)],
    ),
    ({"module_id": "sender", "code": "a1sms_by"}, "mailing", []),
    ({"code": "a1_sms_send", "document_id": ["crm", "…", "DYNAMIC_177_12"]}, "rule:a1_sms_send", [(177, 12)]),
    ({"scenario": "payment", "document": "deal:12"}, "scenario:payment", [(2, 12)]),
    ({"scenario": "missed", "call": "77", "document": "contact:3"}, "scenario:missed", []),
    ({"document": "177:9", "ahead": 3600.0, "code": "a1_sms_reminder"}, "rule:a1_sms_reminder", [(177, 9)]),
    ({"module_id": "telephony"}, "other", []),
    ({}, "other", []),
]


def items(path: Path, message_id: str) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(
            "SELECT entity_type, item FROM message_items JOIN messages ON messages.id = message"
            " WHERE message_id = ? ORDER BY entity_type, item",
            (message_id,),
        ).fetchall()


@pytest.mark.parametrize(("origin", "word", "of"), ORIGINS)
def test_who_sent_a_message_and_from_which_items_is_kept(
    journal: Journal, store: Store, origin: dict[str, Any], word: str, of: list[tuple[int, int]]
) -> None:
    run(journal.accept(arrival(origin=origin)))
    run(journal.accept(arrival(origin=origin)))
    kept = run(journal.message("m1"))
    assert kept is not None
    assert kept["sent_by"] == word
    assert items(store.path, "m1") == of


def test_messages_of_versions_before_are_known_the_same_way(tmp_path: Path) -> None:
    path = older_journal(tmp_path, "0006")
    with closing(sqlite3.connect(path)) as raw:
        raw.executemany(
            "INSERT INTO messages (message_id, custom_id, received_at, kind, origin, number_received, msisdn, text,"
            " segments, status, stage, attempts, asked, tell_tries, teller)"
            " VALUES (?1, ?1, ?2, 'transactional', ?3, '+375291112233', '+375291112233', 'Ждём', 1, 'delivered',"
            " 'over', 0, 0, 0, 'nobody')",
            [(f"m{n}", START, json.dumps(origin)) for n, (origin, _, _) in enumerate(ORIGINS)],
        )
        raw.commit()
    store = Store(f"sqlite:///{path}")
    store.prepare()
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        words = [row[0] for row in raw.execute("SELECT sent_by FROM messages ORDER BY id")]
        seen = raw.execute("SELECT sent_by, sender_id FROM message_sources ORDER BY sent_by").fetchall()
    assert words == [word for _, word, _ in ORIGINS]
    assert seen == [(word, "") for word in sorted(set(words))]
    assert [items(path, f"m{n}") for n in range(len(ORIGINS))] == [of for _, _, of in ORIGINS]


@given(
    st.dictionaries(
        st.sampled_from(["module_id", "code", "scenario", "page", "bindings", "document_id", "document", "call"]),
        st.recursive(
            st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        ),
    )
)
def test_whatever_an_origin_holds_it_has_a_word_of_bounded_length(origin: dict[str, Any]) -> None:
    word = sent_by(origin)
    assert 0 < len(word) <= 80


def test_what_a_command_sends_is_the_commands_and_of_no_page() -> None:
    assert sent_by({"command": "send", "user": "root"}) == COMMAND
