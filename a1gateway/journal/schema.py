"""The journal's tables as they are today; `migrations` leads every older file to them.

Times are seconds since the epoch, UTC. Money is a decimal number written as text, in BYN: SQLite has no decimals.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    text,
)

REVISION = "0009"
"""The last of the migrations: the one that these tables are of."""

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
    # Who sent it, in a word (`origins.sent_by`); and the campaign that a marketing message is of.
    Column("sent_by", String, nullable=False, server_default="other"),
    Column("campaign", Integer, ForeignKey("campaigns.id")),
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
    # When it may leave and when it is too late, another time for it before that is its end, and when it is of no use
    # to the subscriber any more.
    Column("not_before", Double),
    Column("leave_by", Double),
    Column("again_from", Double),
    Column("again_by", Double),
    Column("deliver_by", Double),
    Column("attempts", Integer, nullable=False, default=0),
    # Why A1 has to be asked whether it has the message, and how often it has said that it has not.
    Column("uncertain", String),
    Column("asked", Integer, nullable=False, default=0),
    # How often it was submitted again although A1 may have had it, and how often A1 has put it off in a row.
    Column("resent", Integer, nullable=False, server_default="0"),
    Column("postponed", Integer, nullable=False, server_default="0"),
    # What joins its parts on the air; and when the latest final receipt of a part came while others were missing.
    Column("concatenation", Integer),
    Column("partly_at", Double),
    # Of marketing: when the portal was asked for the consent that it goes out by.
    Column("consent_at", Double),
    Column("final_at", Double),
    # Who is to be told of the end (`message.Teller`); times to tell are for those from a sender alone.
    Column("teller", String, nullable=False, server_default="sender"),
    # What Bitrix24 has to be told, and when to try; no time when it need not or has confirmed it.
    Column("told", String),
    Column("tell_at", Double),
    Column("tell_tries", Integer, nullable=False, default=0),
    Column("confirmed_at", Double),
    # When its text and its number were taken away (`masking`).
    Column("masked_at", Double),
)
Index(
    "ix_messages_due",
    messages.c.stage,
    messages.c.kind,
    messages.c.due_at,
    sqlite_where=messages.c.due_at.is_not(None),
)
Index(
    "ix_messages_leave_by",
    messages.c.stage,
    messages.c.leave_by,
    sqlite_where=and_(messages.c.leave_by.is_not(None), messages.c.due_at.is_not(None)),
)
Index("ix_messages_tell", messages.c.kind, messages.c.tell_at, sqlite_where=messages.c.tell_at.is_not(None))
Index("ix_messages_a1_id", messages.c.a1_id, sqlite_where=messages.c.a1_id.is_not(None))

Index(
    "ix_messages_concatenation",
    messages.c.msisdn,
    messages.c.id,
    sqlite_where=messages.c.concatenation.is_not(None),
)
Index("ix_messages_partly", messages.c.partly_at, sqlite_where=messages.c.partly_at.is_not(None))
# What people look for among all messages, newest first, without reading a row that is not shown.
Index(
    "ix_messages_journal",
    messages.c.received_at,
    messages.c.status,
    messages.c.kind,
    messages.c.sender_id,
    messages.c.sent_by,
    messages.c.reason,
    messages.c.msisdn,
)
# The same of numbers that were refused, as they came.
Index(
    "ix_messages_refused_number",
    messages.c.received_at,
    messages.c.status,
    messages.c.kind,
    messages.c.sender_id,
    messages.c.sent_by,
    messages.c.reason,
    messages.c.msisdn,
    messages.c.number_received,
    sqlite_where=messages.c.msisdn.is_(None),
)
Index("ix_messages_msisdn", messages.c.msisdn, messages.c.received_at, sqlite_where=messages.c.msisdn.is_not(None))
Index(
    "ix_messages_campaign",
    messages.c.campaign,
    messages.c.stage,
    messages.c.status,
    messages.c.reason,
    messages.c.segments,
    messages.c.a1_segments,
    messages.c.amount,
    sqlite_where=messages.c.campaign.is_not(None),
)
Index("ix_messages_marketing", messages.c.msisdn, messages.c.id, sqlite_where=messages.c.kind == text("'marketing'"))

# Those that were sent from pages: some repeat others.
Index("ix_messages_by_page", messages.c.received_at, sqlite_where=text("sent_by = 'page'"))

# What retention may take the texts and numbers of, and what it has; each oldest first.
Index(
    "ix_messages_unmasked",
    messages.c.received_at,
    sqlite_where=text("masked_at IS NULL AND stage = 'over' AND tell_at IS NULL"),
)
Index("ix_messages_masked", messages.c.received_at, sqlite_where=messages.c.masked_at.is_not(None))

# The items of the CRM that a message was sent from.
message_items = Table(
    "message_items",
    metadata,
    Column("entity_type", Integer, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("message", Integer, ForeignKey("messages.id"), primary_key=True),
    sqlite_with_rowid=False,
)
# Without it, SQLite looks through all of them for every message that is deleted.
Index("ix_message_items_message", message_items.c.message)

# Who has sent messages ever, and under which Sender IDs; an empty text: under none.
message_sources = Table(
    "message_sources",
    metadata,
    Column("sent_by", String, primary_key=True),
    Column("sender_id", String, primary_key=True),
    sqlite_with_rowid=False,
)

# Campaigns of CRM Marketing, as they are told from one another here: Bitrix24 hands over single messages.
campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Integer, primary_key=True),
    # When its first message came, and its latest, to the minute; and of the first how the text begins.
    Column("began_at", Double, nullable=False),
    Column("latest_at", Double, nullable=False),
    Column("text", Text, nullable=False),
    Column("sender_id", String),
    # Who sends it, in a word, as of each of its messages.
    Column("sent_by", String, nullable=False),
    # What becomes of those of its messages that have not left (`campaigns.State`), since when, and by whose word.
    Column("state", String, nullable=False),
    Column("state_at", Double, nullable=False),
    Column("state_by", String),
    # From when on what comes in its words is of another one, by somebody's word; only once it is cancelled.
    Column("anew_at", Double),
    # Whether some of its messages may have to follow its state yet.
    Column("unsettled", Boolean, nullable=False, server_default=text("0")),
)
Index("ix_campaigns_latest", campaigns.c.latest_at)
Index("ix_campaigns_stopped", campaigns.c.latest_at, sqlite_where=text("state != 'running'"))
Index("ix_campaigns_unsettled", campaigns.c.id, sqlite_where=text("unsettled = 1"))

# Of campaigns' messages that are deleted: how many there were of each kind. Empty texts and 0 are what was not known.
campaign_totals = Table(
    "campaign_totals",
    metadata,
    Column("campaign", Integer, ForeignKey("campaigns.id"), primary_key=True),
    Column("status", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("segments", Integer, primary_key=True),
    Column("a1_segments", Integer, primary_key=True),
    Column("amount", String, primary_key=True),
    Column("messages", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# What statistics are made of (`statistics`): sums that stay when their messages go. Days are Minsk's, numbered from
# 1970-01-01, hours are since the epoch; both are those in which the messages were accepted. What is not known is an
# empty text.
statistics_groups = Table(
    "statistics_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("operator", String, nullable=False),
    Column("sender_id", String, nullable=False),
    Column("sent_by", String, nullable=False),
    UniqueConstraint("kind", "operator", "sender_id", "sent_by"),
)
_COUNTED = ("accepted", "taken", "delivered", "failed")
statistics_days = Table(
    "statistics_days",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("group_id", Integer, ForeignKey("statistics_groups.id"), primary_key=True),
    *(Column(name, Integer, nullable=False) for name in _COUNTED),
    # Of those that A1 has taken: segments, the price in millionths of a BYN, how many there is a price of, how many
    # are in UCS-2, and how many of these a few characters fewer would make a segment shorter.
    Column("segments", Integer, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("priced", Integer, nullable=False),
    Column("unicode", Integer, nullable=False),
    Column("shortenable", Integer, nullable=False),
    sqlite_with_rowid=False,
)
statistics_hours = Table(
    "statistics_hours",
    metadata,
    Column("hour", Integer, primary_key=True),
    Column("group_id", Integer, ForeignKey("statistics_groups.id"), primary_key=True),
    *(Column(name, Integer, nullable=False) for name in _COUNTED),
    sqlite_with_rowid=False,
)
# Those that failed.
statistics_failures = Table(
    "statistics_failures",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("status", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("group_id", Integer, ForeignKey("statistics_groups.id"), primary_key=True),
    Column("messages", Integer, nullable=False),
    sqlite_with_rowid=False,
)
# How long the delivered ones took, in steps (`delivery_times.step_of`).
statistics_times = Table(
    "statistics_times",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("group_id", Integer, ForeignKey("statistics_groups.id"), primary_key=True),
    Column("messages", Integer, nullable=False),
    sqlite_with_rowid=False,
)
# The last record of the history that they have in them: one row, or none at the beginning.
statistics_position = Table(
    "statistics_position",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("record", Integer, nullable=False),
)

# Applications to A1 for Sender IDs (`sender_id.applications`).
sender_ids = Table(
    "sender_ids",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    # The company's, as JSON.
    Column("particulars", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("prepared_at", Double, nullable=False),
    Column("handed_in_at", Double),
    Column("decided_at", Double),
    Column("prepared_by", Text, nullable=False),
    Column("note", Text),
)

# The parts of messages that go out in parts of their own (SMPP), one row for a message of one part too. The
# user_message_reference of a part follows from its id.
parts = Table(
    "parts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message", Integer, ForeignKey("messages.id"), nullable=False),
    Column("number", Integer, nullable=False),
    # A1's identifier as it came, and the two keys that receipts find it by.
    Column("a1_id", String),
    Column("id_text", String),
    Column("id_value", String),
    # The identifier as the receipt wrote it, and the part's own final status.
    Column("receipt_id", String),
    Column("status", String),
    Column("word", String),
    UniqueConstraint("message", "number"),
)
Index("ix_parts_id_text", parts.c.id_text, sqlite_where=parts.c.id_text.is_not(None))
Index("ix_parts_id_value", parts.c.id_value, sqlite_where=parts.c.id_value.is_not(None))
Index("ix_parts_receipt", parts.c.id, sqlite_where=parts.c.receipt_id.is_not(None))

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
    # Of receipts: the subscriber's number, the reference given back, the identifier's keys; and when to look again at
    # one that could mean two messages.
    Column("number", String),
    Column("reference", Integer),
    Column("id_text", String),
    Column("id_value", String),
    Column("due_at", Double),
)
Index("ix_unmatched_identifier", unmatched.c.identifier)
Index("ix_unmatched_id_text", unmatched.c.id_text, sqlite_where=unmatched.c.id_text.is_not(None))
Index("ix_unmatched_id_value", unmatched.c.id_value, sqlite_where=unmatched.c.id_value.is_not(None))
Index("ix_unmatched_due", unmatched.c.due_at, sqlite_where=unmatched.c.due_at.is_not(None))

# What the portal said of the consent to each marketing message: a row for every contact that was asked about, or one
# without a contact.
consents = Table(
    "consents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message", Integer, ForeignKey("messages.id"), nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("field", String, nullable=False),
    Column("contact", Integer),
    # The value as it came, in JSON, and for people.
    Column("value", Text),
    Column("meaning", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
)
Index("ix_consents_message", consents.c.message)

# The same of messages that are masked or deleted, with the number and what the evidence says of each.
consent_evidence = Table(
    "consent_evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("msisdn", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("final_at", Double),
    Column("sender_id", String),
    Column("asked_at", Double, nullable=False),
    Column("field", String, nullable=False),
    Column("contact", Integer),
    Column("value", Text),
    Column("meaning", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
)
Index("ix_consent_evidence_msisdn", consent_evidence.c.msisdn)
Index("ix_consent_evidence_asked", consent_evidence.c.asked_at)

# The numbers that get no marketing SMS, since when, and by whose word.
stop_list = Table(
    "stop_list",
    metadata,
    Column("msisdn", String, primary_key=True),
    Column("since", Double, nullable=False),
    Column("source", String, nullable=False),
    Column("note", Text, nullable=False),
)

# Every opting out and in, in order; those that the CRM does not know yet have a time to try.
choices = Table(
    "choices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("msisdn", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("choice", String, nullable=False),
    Column("source", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("due_at", Double),
    Column("tries", Integer, nullable=False, server_default="0"),
    # The contacts that it was written into, as a JSON list, once it was; and what stands in the way before.
    Column("contacts", Text),
    Column("trouble", Text),
)
Index("ix_choices_msisdn", choices.c.msisdn)
Index("ix_choices_due", choices.c.due_at, sqlite_where=choices.c.due_at.is_not(None))

# The runs of the gateway's automation rules: what Bitrix24 handed over, the message that came of it, and what is
# returned to the workflow (`runs.State`).
runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event_token", String, nullable=False, unique=True),
    Column("received_at", Double, nullable=False),
    Column("code", String, nullable=False),
    Column("entity_type", Integer),
    Column("item", Integer),
    # The properties and the origin, as JSON.
    Column("properties", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("due_at", Double),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("message", Integer, ForeignKey("messages.id")),
    # What was returned, as JSON, from the first time it is tried on; what stands in the way; and how often this very
    # answer was refused.
    Column("answer", Text),
    Column("trouble", Text),
    Column("refusals", Integer, nullable=False, server_default="0"),
    Column("over_at", Double),
)
Index("ix_runs_due", runs.c.state, runs.c.due_at, sqlite_where=runs.c.due_at.is_not(None))
Index("ix_runs_message", runs.c.message, sqlite_where=runs.c.message.is_not(None))

# Reminders: one row for each offset before each moment that a document has had.
reminders = Table(
    "reminders",
    metadata,
    Column("id", Integer, primary_key=True),
    # The scenario, or what runs of an automation rule have in common that remind of the same; and the latest of them.
    Column("rule", String, nullable=False),
    Column("run", Integer, ForeignKey("runs.id")),
    Column("entity_type", Integer, nullable=False),
    Column("item", Integer, nullable=False),
    # The moment that is reminded of, and how many seconds before.
    Column("moment", Double, nullable=False),
    Column("ahead", Double, nullable=False),
    Column("due_at", Double),
    Column("tries", Integer, nullable=False, server_default="0"),
    # What became of it (`reminders.State`), why, and the message.
    Column("state", String, nullable=False),
    Column("reason", String),
    Column("message", Integer, ForeignKey("messages.id")),
    UniqueConstraint("rule", "entity_type", "item", "moment", "ahead"),
)
Index("ix_reminders_due", reminders.c.due_at, sqlite_where=reminders.c.due_at.is_not(None))
Index("ix_reminders_message", reminders.c.message, sqlite_where=reminders.c.message.is_not(None))
Index("ix_reminders_run", reminders.c.run, sqlite_where=reminders.c.run.is_not(None))

# Documents that are reminded of, with the moment that is known of them: they are followed until some time after it,
# also when no reminder waits at the moment.
reminder_rules = Table(
    "reminder_rules",
    metadata,
    Column("rule", String, primary_key=True),
    Column("entity_type", Integer, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("run", Integer, ForeignKey("runs.id")),
    Column("moment", Double, nullable=False),
    # Whether the document had it when it was last seen.
    Column("held", Boolean, nullable=False),
    Column("until", Double, nullable=False),
)
Index("ix_reminder_rules_item", reminder_rules.c.entity_type, reminder_rules.c.item)
Index("ix_reminder_rules_until", reminder_rules.c.until)
Index("ix_reminder_rules_run", reminder_rules.c.run, sqlite_where=reminder_rules.c.run.is_not(None))

# Events that have to be looked into, one row for each document or call however many there were.
look_ups = Table(
    "look_ups",
    metadata,
    Column("key", String, primary_key=True),
    Column("entity_type", Integer),
    Column("item", Integer),
    # What the event said, as JSON, where that is all there is.
    Column("payload", Text),
    Column("first_at", Double, nullable=False),
    Column("latest_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    # How often that came to nothing, and why the last time.
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("trouble", Text),
)
Index("ix_look_ups_due", look_ups.c.due_at)

# How far the portal's history of stages and its changes have been read, and which of the later records are done.
positions = Table(
    "positions",
    metadata,
    Column("name", String, primary_key=True),
    Column("record", Integer, nullable=False),
    Column("at", Double, nullable=False),
)
stage_records = Table(
    "stage_records",
    metadata,
    Column("entity_type", Integer, primary_key=True),
    Column("record", Integer, primary_key=True),
)

# The last entry into a stage that is known of a document, where the portal has no history of stages.
moves = Table(
    "moves",
    metadata,
    Column("entity_type", Integer, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("at", Double, nullable=False),
)

# What scenarios have said to whom: nobody hears the same twice in a row.
said = Table(
    "said",
    metadata,
    Column("scenario", String, primary_key=True),
    Column("msisdn", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("at", Double, nullable=False),
    # Its `message_id`; None: of a version before.
    Column("message", String),
)
Index("ix_said_at", said.c.at)

# Whether an item last fulfilled the condition of a scenario for changes, and how often it has come to: those that
# never have are not here.
conditions = Table(
    "conditions",
    metadata,
    Column("scenario", String, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("held", Boolean, nullable=False),
    Column("times", Integer, nullable=False),
)

# Messages from subscribers, put together.
incoming = Table(
    "incoming",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("received_at", Double, nullable=False),
    # The addresses as they came; the number when the source is one.
    Column("source", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("msisdn", String),
    Column("text", Text, nullable=False),
    # How many parts it had, and how many of them came.
    Column("parts", Integer, nullable=False),
    Column("parts_received", Integer, nullable=False),
)

# Parts of messages from subscribers, until the others come no more, nor A1 repeats one.
incoming_parts = Table(
    "incoming_parts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("received_at", Double, nullable=False),
    Column("source", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("data_coding", Integer, nullable=False),
    Column("reference", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("octets", LargeBinary, nullable=False),
    UniqueConstraint("source", "destination", "reference", "total", "number"),
)

# Erasures that people have asked for. The number is there until all of it is erased; the record stays.
erasures = Table(
    "erasures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("asked_at", Double, nullable=False),
    # Who ran the command.
    Column("asked_by", Text, nullable=False),
    # Whether the evidence of consents goes too.
    Column("with_evidence", Boolean, nullable=False),
    Column("msisdn", String),
    Column("done_at", Double),
    # How much was erased, by place, as JSON.
    Column("counts", Text, nullable=False),
)

# When retention may take the first texts away, and when it last went through everything: one row at most.
retention = Table(
    "retention",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("begins_at", Double, nullable=False),
    Column("passed_at", Double, nullable=False),
)

# The portal whose documents the rows of automation mean: one row at most, also while none has it installed.
documents_of = Table(
    "documents_of",
    metadata,
    Column("member_id", String, primary_key=True),
    Column("domain", String, nullable=False),
    # How often another portal has taken the place of the one before.
    Column("generation", Integer, nullable=False),
)

# How the alarms stand that were set off (`alarms.standing`), one row for each; moments as there.
alarms = Table(
    "alarms",
    metadata,
    Column("word", String, primary_key=True),
    Column("since", Double, nullable=False),
    Column("gone_at", Double),
    Column("told_at", Double),
    Column("over_at", Double),
    Column("times", Integer, nullable=False),
)

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
