"""Everything that the journal says of a message has a text for people, in all three languages."""

from __future__ import annotations

import pytest

from a1gateway.automation.robots import CODES
from a1gateway.carriers.a1answers import _MESSAGE_REASONS
from a1gateway.carriers.a1status import _MEANINGS as A1_WORDS
from a1gateway.carriers.outcome import Trouble
from a1gateway.carriers.smpp.answers import _FINAL, GATEWAY_FAULT
from a1gateway.carriers.smpp.deliveries import _STATES
from a1gateway.journal import consents, origins, restored
from a1gateway.journal.journal import _REASONS_OF_EXPIRY
from a1gateway.journal.parts import ANSWER_LOST
from a1gateway.journal.search_form import FieldFault
from a1gateway.message import Kind, Refusal, Source, Stage, Status
from a1gateway.msisdn import RANGE_UNKNOWN, NumberFault
from a1gateway.words.catalogue import catalogue

LANGUAGES = ("ru", "be", "en")
REASONS = sorted(
    {
        *map(str, NumberFault),
        *map(str, Refusal),
        *_MESSAGE_REASONS.values(),
        *_FINAL.values(),
        *_REASONS_OF_EXPIRY.values(),
        *(consents.NO_CONSENT, consents.CONSENT_UNKNOWN, GATEWAY_FAULT, RANGE_UNKNOWN),
        *("refused_by_a1", "refused_by_smsc", "uncertain", "duplicate", "no_answer"),
    }
)
# What the journal writes into a message's history besides the reasons and the words of others.
OWN_WORDS = (
    "accepted",
    "consent",
    "filled",
    "held",
    "released",
    "resent",
    restored.MARK,
    "not_found",
    "found",
    "gave_up",
    "receipt",
    ANSWER_LOST,
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_named_and_says_why_and_what_to_do(language: str) -> None:
    texts = catalogue("journal", language)
    wanted = {f"reason.{reason}{ending}" for reason in REASONS for ending in ("", ".why", ".do")}
    assert wanted - texts.keys() == set()
    assert {key for key in texts if key.startswith("reason.")} - wanted == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_the_gateway_chooses_has_its_text(language: str) -> None:
    texts = catalogue("journal", language)
    wanted = {
        *(f"status.{status}" for status in Status),
        # Those that A1 may give without a reason.
        *(
            f"status.{status}.{what}"
            for status in Status
            if status.told not in (None, "delivered")
            for what in ("why", "do")
        ),
        *(f"stage.{stage}" for stage in Stage),
        *(f"kind.{kind}" for kind in Kind),
        *(f"source.{source}" for source in Source),
        *(
            f"sent_by.{word}"
            for word in (
                origins.CARD,
                origins.ROBOT,
                origins.MAILING,
                origins.BY_PAGE,
                origins.COMMAND,
                origins.OTHER,
            )
        ),
        *(f"sent_by.{word[:-1]}" for word in (origins.RULE, origins.SCENARIO)),
        *(f"sent_by.{origins.RULE}{code}" for code in CODES),
        *(f"fault.{fault}" for fault in FieldFault),
        *(f"word.{word}" for word in OWN_WORDS),
        *(f"word.confirmed:{status.told}" for status in Status if status.told),
        *(f"word.{trouble}" for trouble in Trouble),
        *(f"word.{word}" for word in A1_WORDS if not word.isdecimal()),
        *(f"word.{word}" for word in _STATES.values()),
        *(f"uncertain.{word}" for word in (ANSWER_LOST, "restart", "not_recorded", "duplicate")),
        *(f"uncertain.{restored.MARK}:{stage}" for stage in (Stage.READY, Stage.CONSENT, Stage.FIELDS)),
    }
    assert wanted - texts.keys() == set()
