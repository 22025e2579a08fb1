"""In which language a command speaks to people: Russian, Belarusian or English."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from .words.words import LANGUAGES

# What is no language of anybody's: a server whose locale nobody has set.
_NOBODYS = ("", "c", "posix")


def language_of_locale(environ: Mapping[str, str] = os.environ) -> str:
    """The language of the locale in `environ`, by POSIX's order: Russian when none is set, English for all others."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    language = locale.partition(".")[0].partition("_")[0].partition("@")[0].lower()
    if language in _NOBODYS:
        return "ru"
    return language if language in LANGUAGES else "en"


def add_language_option(parser: argparse.ArgumentParser) -> None:
    """`--language`, of whatever is written for people; by default the locale's."""
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        default=language_of_locale(),
        help="of what is written for people; default: the locale's (LC_ALL, LC_MESSAGES, LANG), Russian without one",
    )
