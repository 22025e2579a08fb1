"""Everything that the checklist, the test SMS and the composer say has its words, in all three languages."""

from __future__ import annotations

import re
import string
from importlib.resources import files

import pytest

from a1gateway.automation.template import Problem
from a1gateway.bitrix24.trouble import _OPERATOR
from a1gateway.checklist.findings import Finding, State, Subject
from a1gateway.journal.overdue import QUEUES
from a1gateway.pages.catalogue import catalogue, names
from a1gateway.pages.setup_page import GROUPS, WHAT_TO_DO

LANGUAGES = ("ru", "be", "en")
MINE = ("setup", "composer")
SCOPES = ("messageservice", "placement", "crm", "bizproc", "telephony", "user_brief")
TEMPLATES = ("setup", "setup_checks", "trial_form", "trial_ask", "trial_way")
OF_THE_COMPOSER = ("composer", "composer_look", "composer_price")
# Keys that a template writes out, and the beginnings of those that it puts together.
_WRITTEN = re.compile(r"""t(?:\.count|\.noun)?\(\s*"([a-z0-9_.]+[a-z0-9_])"\s*[,)]""")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_is_said_and_every_bad_one_says_what_to_do(language: str) -> None:
    texts = catalogue("setup", language)
    wanted = {
        *(f"subject.{subject}" for subject in Subject),
        *(f"setup.state.{state}" for state in State),
        *(f"setup.group.{group}" for group in GROUPS),
        *(f"finding.{finding.word}" for finding in Finding),
        *(f"queue.{queue}" for queue in QUEUES),
        *(f"permission.{scope}" for scope in SCOPES),
        *(f"portal.{advice}.do" for advice in WHAT_TO_DO.values()),
        *(
            f"finding.{finding.word}.do"
            for finding in Finding
            if finding.state is State.BAD and finding is not Finding.PORTAL_SHUTS_OUT
        ),
    }
    assert wanted - texts.keys() == set()
    own = ("finding.", "subject.", "queue.", "permission.", "portal.", "setup.state.", "setup.group.")
    assert {key for key in texts if key.startswith(own)} - wanted == set()


def test_every_subject_stands_in_one_group() -> None:
    assert [subject for subjects in GROUPS.values() for subject in subjects] == list(Subject)


def test_there_is_advice_for_every_code_that_shuts_the_application_out() -> None:
    assert WHAT_TO_DO.keys() == _OPERATOR.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_of_a_template_is_said(language: str) -> None:
    texts = catalogue("composer", language)
    assert {key for key in texts if key.startswith("template.")} == {f"template.{problem}" for problem in Problem}


@pytest.mark.parametrize("name", [*TEMPLATES, *OF_THE_COMPOSER])
def test_every_key_that_a_template_names_is_there(name: str) -> None:
    text = (files("a1gateway.pages") / "templates" / f"{name}.html").read_text("utf-8")
    known = {key for each in names() for key in catalogue(each, "ru")}
    counted = {key.rpartition(".")[0] for key in known if key.endswith(".other")}
    named = set(_WRITTEN.findall(text))
    assert named
    assert named - known - counted == set()


@pytest.mark.parametrize("name", MINE)
def test_no_word_is_left_over(name: str) -> None:
    """Those whose keys are put together are looked at above."""
    folder = files("a1gateway.pages")
    sources = [each.read_text("utf-8") for each in (folder / "templates").iterdir()]
    sources += [(folder / f"{each}.py").read_text("utf-8") for each in ("setup_page", "trial", "composer_page")]
    together = "\n".join(sources)
    keys = {re.sub(r"\.(one|few|many|other)$", "", key) for key in catalogue(name, "ru")}
    of_checks = ("finding.", "subject.", "queue.", "permission.", "portal.", "setup.state.", "setup.group.")
    put_together = (*of_checks, "template.", "composer.field.", "trial.step.")
    assert {key for key in keys if not key.startswith(put_together) and f'"{key}"' not in together} == set()


@pytest.mark.parametrize("name", MINE)
def test_the_languages_have_the_same_keys_and_fields_and_no_empty_text(name: str) -> None:
    first, *others = (catalogue(name, language) for language in LANGUAGES)
    assert all(text == text.strip() != "" for texts in (first, *others) for text in texts.values())
    for other in others:
        assert other.keys() == first.keys()
        assert {key: _fields(text) for key, text in other.items()} == {
            key: _fields(text) for key, text in first.items()
        }


def test_no_catalogue_has_a_word_of_another() -> None:
    seen: set[str] = set()
    for name in names():
        keys = catalogue(name, "ru").keys()
        assert not seen & keys
        seen |= keys


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
