"""Everything that the checklist, the test SMS and the composer say has its words, in all three languages."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from a1gateway.automation.template import Problem
from a1gateway.bitrix24.trouble import _OPERATOR
from a1gateway.checklist.findings import Finding, State, Subject
from a1gateway.checklist.lines import GROUPS, OF_THE_PAGE, WHAT_TO_DO
from a1gateway.journal.overdue import QUEUES
from a1gateway.words.catalogue import catalogue
from a1gateway.words.words import LANGUAGES

MINE = ("setup", "composer")
SCOPES = ("messageservice", "placement", "crm", "bizproc", "telephony", "user_brief", "im")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_is_said_and_every_bad_one_says_what_to_do(language: str) -> None:
    texts = {**catalogue("setup", language), **catalogue("doctor", language)}
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


def test_every_subject_of_the_page_stands_in_one_group() -> None:
    assert [subject for subjects in GROUPS.values() for subject in subjects] == list(Subject)[: len(OF_THE_PAGE)]


def test_there_is_advice_for_every_code_that_shuts_the_application_out() -> None:
    assert WHAT_TO_DO.keys() == _OPERATOR.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_of_a_template_is_said(language: str) -> None:
    texts = catalogue("composer", language)
    assert {key for key in texts if key.startswith("template.")} == {f"template.{problem}" for problem in Problem}


@pytest.mark.parametrize("name", MINE)
def test_no_word_is_left_over(name: str) -> None:
    """Those whose keys are put together are looked at above."""
    folder = files("a1gateway.pages")
    sources = [each.read_text("utf-8") for each in (folder / "templates").iterdir()]
    sources += [(folder / f"{each}.py").read_text("utf-8") for each in ("setup_page", "trial", "composer_page")]
    sources.append((files("a1gateway.checklist") / "lines.py").read_text("utf-8"))
    together = "\n".join(sources)
    keys = {re.sub(r"\.(one|few|many|other)$", "", key) for key in catalogue(name, "ru")}
    of_checks = ("finding.", "subject.", "queue.", "permission.", "portal.", "setup.state.", "setup.group.")
    put_together = (*of_checks, "template.", "composer.field.", "trial.step.")
    assert {key for key in keys if not key.startswith(put_together) and f'"{key}"' not in together} == set()
