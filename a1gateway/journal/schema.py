"""The journal's tables as they are today; `migrations` leads every older file to them.

Times are seconds since the epoch, UTC. Money is a decimal number written as text, in BYN: SQLite has no decimals.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", String, nullable=False, unique=True),
    Column("custom_id", String, nullable=False, unique=True),
    Column("a1_id", String),
    Column("received_at", Double, nullable=False),
    Column("kind", String, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("number_received", Text, nullable=False),
    Column("msisdn", String),
    Column("warning", String),
    Column("text", Text, nullable=False),
    Column("sender_id", String),
    Column("segments", Integer, nullable=False),
    Column("a1_segments", Integer),
    Column("price", String),
    Column("amount", String),
    # The verdict at the door, which every repetition of the call is answered with.
    Column("refusal", String),
    Column("status", String, nullable=False),
    # Why a final status came about, a word of the contract; and A1's latest word.
    Column("reason", String),
    Column("word", String),
    # Which service has to look at the message when its time has come (`message.Stage`); no time when it is over.
    Column("stage", String, nullable=False),
    Column("due_at", Double),
    Column("attempts", Integer, nullable=False, default=0),
    # Why A1 has to be asked whether it has the message, and how often it has said that it has not.
    Column("uncertain", String),
    Column("asked", Integer, nullable=False, default=0),
    Column("final_at", Double),
    # What Bitrix24 has to be told, and when to try; no time when it need not or has confirmed it.
    Column("told", String),
    Column("tell_at", Double),
    Column("tell_tries", Integer, nullable=False, default=0),
    Column("confirmed_at", Double),
)
Index("ix_messages_due", messages.c.stage, messages.c.due_at, sqlite_where=messages.c.due_at.is_not(None))
Index("ix_messages_tell", messages.c.tell_at, sqlite_where=messages.c.tell_at.is_not(None))
Index("ix_messages_a1_id", messages.c.a1_id, sqlite_where=messages.c.a1_id.is_not(None))

history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message", Integer, ForeignKey("messages.id"), nullable=False),
    Column("at", Double, nullable=False),
    Column("source", String, nullable=False),
    # The status that the message took; none when the word changed nothing.
    Column("status", String),
    # The outside party's own word, and what it added in its own language.
    Column("word", String, nullable=False),
    Column("note", Text),
)
Index("ix_history_message", history.c.message)

# Statuses of messages that the journal does not know, or does not know yet by that identifier.
unmatched = Table(
    "unmatched",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identifier", String, nullable=False),
    Column("word", String, nullable=False),
    Column("status", String),
    Column("source", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("note", Text, nullable=False),
)
Index("ix_unmatched_identifier", unmatched.c.identifier)

# The portal that installed the application: one row at most.
installation = Table(
    "installation",
    metadata,
    Column("member_id", String, primary_key=True),
    Column("domain", String, nullable=False),
    Column("client_endpoint", String, nullable=False),
    Column("access_token", String, nullable=False),
    Column("refresh_token", String, nullable=False),
    Column("application_token", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("user_id", String, nullable=False),
    Column("language", String, nullable=False),
    Column("installed_at", Double, nullable=False),
    Column("refreshed_at", Double, nullable=False),
)
