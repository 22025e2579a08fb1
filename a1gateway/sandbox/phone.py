"""What Bitrix24 makes of a phone number before it calls an SMS sender.

Source: the phone normalisation of messageservice (lib/sender/smsmanager.php) and main (tools.php), as tabulated for
the numbers that stand in Belarusian cards.
"""

from __future__ import annotations

import re

# Shorter texts are not taken for numbers at all; the spaces and signs of the card count.
_SHORTEST = 10


def as_sent(number: str) -> str:
    """The `message_to` for a number that stands in the card as `number`.

    Zeros in front are dropped, and an 8 in front is taken for Russia's and becomes 7, unless 0, 1 or 2 follows (the
    codes +80 to +82). What is shorter than ten characters stays as it was typed.
    """
    digits = re.sub(r"\D", "", re.split(r"[,;#*]", number, maxsplit=1)[0]).lstrip("0")
    if len(number) < _SHORTEST or not digits:
        return number
    if digits[0] == "8" and digits[1:2] not in ("0", "1", "2"):
        digits = "7" + digits[1:]
    return "+" + digits
