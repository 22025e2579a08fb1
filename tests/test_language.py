"""The language of commands is the locale's, and Russian where nobody has set one."""

from __future__ import annotations

import pytest

from a1gateway.language import language_of_locale


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "ru"),
        ({"LANG": "C.UTF-8"}, "ru"),
        ({"LANG": "POSIX"}, "ru"),
        ({"LANG": ""}, "ru"),
        ({"LANG": "be_BY.UTF-8@latin"}, "be"),
        ({"LANG": "ru_BY.UTF-8"}, "ru"),
        ({"LANG": "en_GB"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "be_BY.UTF-8"}, "be"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "be_BY.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "be_BY.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}, "be"),
    ],
)
def test_the_locale_says_the_language(environ: dict[str, str], language: str) -> None:
    assert language_of_locale(environ) == language
