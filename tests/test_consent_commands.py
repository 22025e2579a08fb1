"""The evidence of a consent, as it is printed."""

from __future__ import annotations

import io
from typing import Any

import pytest

from a1gateway.consent_commands import _WORDS, write_evidence

from .conftest import START

FOUND: dict[str, Any] = {
    "stopped": True,
    "messages": [
        {
            "message_id": "m1",
            "received_at": START,
            "status": "delivered",
            "reason": None,
            "found": [
                {
                    "asked_at": START + 1,
                    "field": "UF_CRM_SMS_CONSENT",
                    "contact": 275,
                    "value": "45",
                    "meaning": "Согласен",
                    "granted": True,
                }
            ],
        },
        {
            "message_id": "m2",
            "received_at": START + 60,
            "status": "rejected",
            "reason": "no_consent",
            "found": [
                {
                    "asked_at": START + 61,
                    "field": "UF_CRM_SMS_CONSENT",
                    "contact": None,
                    "value": None,
                    "meaning": "",
                    "granted": False,
                }
            ],
        },
        {"message_id": "m3", "received_at": START + 90, "status": "rejected", "reason": "stop_list", "found": []},
    ],
    "choices": [{"at": START + 80, "choice": "out", "source": "subscriber", "note": "СТОП"}],
}


def test_the_evidence_names_what_was_found_and_when() -> None:
    """Times are Minsk's, for A1 reads it."""
    out = io.StringIO()
    write_evidence("+375291112233", FOUND, _WORDS["ru"], out)
    assert (
        out.getvalue()
        == """\
Согласие на рекламные SMS: +375291112233
Время минское.
Номер в стоп-листе: рекламные SMS на него не отправляются.

SMS m1, принято 22.11.2026 03:00:00: delivered
  контакт 275, поле UF_CRM_SMS_CONSENT: 45 (Согласен); спрошено 22.11.2026 03:00:01: согласие есть

SMS m2, принято 22.11.2026 03:01:00: rejected (no_consent)
  контакта с этим номером нет; поле UF_CRM_SMS_CONSENT, спрошено 22.11.2026 03:01:01: согласия нет

SMS m3, принято 22.11.2026 03:01:30: rejected (stop_list)
  портал не спрошен

Выбор абонента:
  22.11.2026 03:01:20 отказ, SMS абонента: СТОП
"""
    )


@pytest.mark.parametrize("language", _WORDS)
def test_every_language_has_every_word(language: str) -> None:
    assert _WORDS[language].keys() == _WORDS["ru"].keys()
    out = io.StringIO()
    write_evidence("+375291112233", {"stopped": False, "messages": [], "choices": []}, _WORDS[language], out)
    assert _WORDS[language]["nothing"] in out.getvalue()
