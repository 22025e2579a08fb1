"""The READMEs say what the code does: every key, reason, metric, command and text, the same in both languages."""

from __future__ import annotations

import argparse
import ast
import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock

from a1gateway import cli, normalize
from a1gateway.alarms.alarm import Alarm, Severity
from a1gateway.bitrix24.front import Front
from a1gateway.bitrix24.trouble import _OPERATOR
from a1gateway.carriers.a1answers import _MESSAGE_REASONS
from a1gateway.carriers.smpp.answers import _FINAL, _LATER, _SLOW_DOWN
from a1gateway.carriers.smpp.link import Link, LinkSettings
from a1gateway.carriers.smpp.link_state import LinkState
from a1gateway.carriers.smpp.pdu import CommandStatus, status_name
from a1gateway.config import Config, check_table
from a1gateway.config_sections import SECTIONS, Section
from a1gateway.config_values import Rule
from a1gateway.journal import Store
from a1gateway.message import Refusal, Source, Stage, Status
from a1gateway.metrics import Metrics
from a1gateway.msisdn import RANGE_UNKNOWN, NumberFault
from a1gateway.pacing import YieldingPace
from a1gateway.pages.front import PagesFront
from a1gateway.sandbox.a1_books import _OUTCOMES, _STOP_LIST_ENDING
from a1gateway.sandbox.faults import A1Fault, PortalFault
from a1gateway.web.operations import A1Callback, Operations

ROOT = Path(__file__).parent.parent
LANGUAGES = ("README.md", "README.ru.md")

# The operator's contract names these.
CONTRACT_REASONS = (
    "empty_number",
    "empty_text",
    "too_long",
    "foreign",
    "fixed_line",
    "too_short",
    "too_many_digits",
    "several_numbers",
    "not_a_number",
    "unknown_code",
    "no_consent",
    "consent_unknown",
    "marketing_disabled",
    "stop_list",
    "duplicate",
    "gateway_fault",
)

_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


@dataclass
class Document:
    """A Markdown file in the parts that can be compared."""

    headings: list[tuple[int, str]] = field(default_factory=list)
    blocks: list[tuple[str, str]] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    under: list[str] = field(default_factory=list)
    """The heading over each table."""
    text: str = ""
    """Everything but the blocks."""

    def spans(self) -> list[str]:
        """The code in the text, on one line each."""
        return [" ".join(span.split()) for span in _SPAN.findall(self.text)]

    def first_column(self, *, under: str = "") -> list[str]:
        """The code in the first cells of all tables, or of those under one heading."""
        return [
            span
            for table, heading in zip(self.tables, self.under, strict=True)
            if heading == under or not under
            for row in table
            for span in spans(row[0])
        ]


def spans(cell: str) -> list[str]:
    """The code in a cell."""
    return _SPAN.findall(cell)


def read(name: str) -> Document:
    """The parts of the file `name`."""
    document = Document()
    block: list[str] | None = None
    info = ""
    kept: list[str] = []
    in_table = False
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if line.startswith("```"):
            if block is None:
                block, info = [], line[3:]
            else:
                document.blocks.append((info, "\n".join(block)))
                block = None
            continue
        if block is not None:
            block.append(line)
            continue
        kept.append(line)
        heading = re.fullmatch(r"(#+) (.+)", line)
        if heading:
            document.headings.append((len(heading[1]), heading[2]))
        if line.startswith("|"):
            if not in_table:
                document.tables.append([])
                document.under.append(document.headings[-1][1])
            document.tables[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        in_table = line.startswith("|")
    assert block is None, "a block of code is not closed"
    document.text = "\n".join(kept)
    return document


@pytest.fixture(params=LANGUAGES)
def readme(request: pytest.FixtureRequest) -> Document:
    return read(request.param)


ENGLISH, RUSSIAN = map(read, LANGUAGES)


# The two languages


def test_headings_have_the_same_levels_in_the_same_order() -> None:
    assert [level for level, _ in ENGLISH.headings] == [level for level, _ in RUSSIAN.headings]


def test_tables_have_the_same_shape_and_the_same_code_in_every_row() -> None:
    assert len(ENGLISH.tables) == len(RUSSIAN.tables)
    for english, russian in zip(ENGLISH.tables, RUSSIAN.tables, strict=True):
        for one, other in zip(english, russian, strict=True):
            assert len(one) == len(other), one
            assert sorted(spans(" ".join(one))) == sorted(spans(" ".join(other)))


def test_blocks_of_code_are_the_same_but_for_comments() -> None:
    def bare(block: tuple[str, str]) -> tuple[str, str]:
        info, text = block
        return (info, "" if info == "text" else re.sub(r"\s+# .*", "", text))

    assert [bare(block) for block in ENGLISH.blocks] == [bare(block) for block in RUSSIAN.blocks]


def test_the_text_names_the_same_code() -> None:
    assert sorted(ENGLISH.spans()) == sorted(RUSSIAN.spans())


# Blocks and links


def test_toml_parses(readme: Document) -> None:
    blocks = [text for info, text in readme.blocks if info == "toml"]
    assert blocks
    for text in blocks:
        assert tomllib.loads(text)


def test_the_example_with_the_lines_of_the_installation_is_a_valid_configuration(
    readme: Document, tmp_path: Path
) -> None:
    config = _installed(readme, tmp_path, smpp=False)
    assert [warning.key for warning in config.warnings] == ["bitrix24.client_id"]
    assert config.http.listen.startswith("systemd:")


def test_so_it_is_with_the_sections_for_smpp_in_place_of_the_others(readme: Document, tmp_path: Path) -> None:
    config = _installed(readme, tmp_path, smpp=True)
    assert [warning.key for warning in config.warnings] == ["bitrix24.client_id"]
    assert config.a1.smpp is not None
    assert (config.a1.transport, config.a1.http, config.a1.callback) == ("smpp", None, None)


def _installed(readme: Document, secrets: Path, *, smpp: bool) -> Config:
    table = tomllib.loads((ROOT / "config" / "a1gateway.example.toml").read_text("utf-8"))
    blocks = [tomllib.loads(text) for info, text in readme.blocks if info == "toml"]
    # Answers for `a1gateway setup` have secrets in them.
    blocks = [block for block in blocks if "apikey" not in block.get("a1", {}).get("http", {})]
    for changes in (block for block in blocks if "smpp" not in block.get("a1", {})):
        _lay_over(table, changes)
    if smpp:
        (table["a1"],) = (block["a1"] for block in blocks if "smpp" in block.get("a1", {}))
    for name in ("a1_apikey", "a1_callback_secret", "bitrix24_handler_secret", "bitrix24_client_secret"):
        (secrets / name).write_text("" if name == "bitrix24_client_secret" else "0123456789abcdef" * 4)
    (secrets / "a1_smpp_password").write_text("password")
    for each in secrets.iterdir():
        each.chmod(0o600)
    return check_table(table, secrets, environ={"CREDENTIALS_DIRECTORY": str(secrets)})


def _lay_over(table: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict):
            _lay_over(table.setdefault(key, {}), value)
        else:
            table[key] = value


def test_commands_are_in_the_shells_language(readme: Document) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash to ask")
    for text in (text for info, text in readme.blocks if info == "sh"):
        checked = subprocess.run([bash, "-n"], input=text, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_links_lead_somewhere(readme: Document) -> None:
    anchors = {_anchor(text) for _, text in readme.headings}
    for _, target in _LINK.findall(readme.text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_shown_queries_run_on_a_journal(readme: Document, tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'journal.sqlite3'}").prepare()
    commands = "\n".join(text for info, text in readme.blocks if info == "sh")
    queries = re.findall(r'"(SELECT [^"]+)"', commands)
    assert len(queries) > 5
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as journal:
        for query in queries:
            journal.execute(query)


def test_the_shown_state_of_the_link_is_its_state(readme: Document) -> None:
    (shown,) = (json.loads(text) for info, text in readme.blocks if info == "json")
    clock = Clock()
    link = Link(
        clock,
        TCP4ClientEndpoint(clock, "127.0.0.1", 2775),
        LinkSettings("system_id", "password"),
        label="127.0.0.1:2775",
        on_delivery=_never,
        on_change=lambda: None,
        on_room=lambda: None,
        random=float,
    )
    state = LinkState(clock, link, YieldingPace(clock, 50), Metrics(), window=32).state()
    assert list(shown["link"]) == list(state)


async def _never(_: object) -> int:
    raise AssertionError("nothing is delivered")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_shown_output_of_normalize_is_its_output(readme: Document) -> None:
    shown = next(text for _, text in readme.blocks if text.startswith(",".join(normalize.HEADER)))
    numbers = [row[0] for row in csv.reader(io.StringIO(shown))][1:]
    commands = "\n".join(text for info, text in readme.blocks if info == "sh")
    assert all(f"'{number}'" in commands for number in numbers)
    out = io.StringIO()
    assert normalize.run(None, io.StringIO("\n".join(numbers)), out) == 0
    assert out.getvalue().splitlines() == shown.splitlines()


# Settings


def _settings() -> Iterator[tuple[str, type[Section], str]]:
    for place, section in SECTIONS.items():
        for name, setting in section.model_fields.items():
            if (*place, name) not in SECTIONS:
                yield ".".join((*place, name)), section, name
                if setting.annotation is SecretStr:
                    yield ".".join((*place, f"{name}_file")), section, name


def test_every_setting_is_named(readme: Document) -> None:
    named = set(readme.spans())
    assert [key for key, _, _ in _settings() if key not in named] == []


def test_every_named_setting_exists_and_has_the_default_that_is_shown(readme: Document) -> None:
    known = {key: section.model_fields[name] for key, section, name in _settings()}
    keys = re.compile(
        r"(http|store|log|polling|alarms|retention|a1|a1\.http|a1\.callback|a1\.smpp|bitrix24|consent|automation|scenario)\.[a-z0-9_]+"
    )
    rows = {
        spans(row[0])[0]: row[2]
        for table in readme.tables
        for row in table
        if len(row) == 3 and keys.fullmatch((spans(row[0]) or [""])[0])
    }
    # A secret and its file have one row.
    assert {key for key, _, name in _settings() if key.endswith(name)} == rows.keys()
    for key, cell in rows.items():
        default = known[key].default
        if default is PydanticUndefined:
            assert cell.startswith(("required", "обязательно")), key
        elif default is None:
            assert not spans(cell), key
        else:
            shown = tomllib.loads(f"shown = {spans(cell)[0]}")["shown"]
            rules = [each for each in known[key].metadata if isinstance(each, Rule)]
            assert (rules[0].check(shown) if rules else shown) == default, key


# Words of the contract


def test_every_reason_has_a_row(readme: Document) -> None:
    reasons = [
        *CONTRACT_REASONS,
        *NumberFault,
        *Refusal,
        *_MESSAGE_REASONS.values(),
        *_FINAL.values(),
        *("refused_by_a1", "refused_by_smsc", "uncertain", "not_sent_in_time", "no_answer"),
    ]
    rows = readme.first_column()
    assert [str(reason) for reason in reasons if str(reason) not in rows] == []
    assert RANGE_UNKNOWN in readme.spans()


def test_every_status_has_a_row_with_what_bitrix24_is_told(readme: Document) -> None:
    rows = {spans(row[0])[0]: row for table in readme.tables for row in table if len(row) == 4 and spans(row[0])}
    for status in Status:
        told = [status.told] if status.told is not None else []
        assert spans(rows[status][3]) == told


def test_every_metric_has_a_row_and_no_other(readme: Document) -> None:
    exposed = re.findall(r"^# HELP (\S+)", Metrics().text().decode(), re.MULTILINE)
    names = {name for name in exposed if not name.endswith("_created")}
    assert names == {name for name in readme.first_column() if name.startswith("a1gateway_")}


def test_every_alarm_has_a_row_with_how_bad_it_is_and_what_to_do(readme: Document) -> None:
    rows = {spans(row[0])[0]: row for table in readme.tables for row in table if len(row) == 4 and spans(row[0])}
    assert [alarm.word for alarm in Alarm if alarm.word not in rows] == []
    for alarm in Alarm:
        assert (
            rows[alarm.word][1]
            in {
                Severity.CRITICAL: ("critical", "критично"),
                Severity.WARNING: ("warning", "предупреждение"),
            }[alarm.severity]
        )


def test_every_source_of_a_status_is_named(readme: Document) -> None:
    (row,) = (row for table in readme.tables for row in table if "`a1gateway_statuses_total`" in row[0])
    # The portal hands messages over; it does not say what became of them.
    assert {*Source} - {Source.PORTAL} <= {*spans(row[1])}


def test_every_error_of_a_centre_is_named_with_what_becomes_of_the_message(readme: Document) -> None:
    named = set(readme.spans())
    judged = {status_name(CommandStatus(each)) for each in (*_FINAL, *_LATER, *_SLOW_DOWN)}
    assert sorted(judged - named) == []


def test_every_route_has_a_row(readme: Document) -> None:
    rows = {route.split()[-1] for route in readme.first_column() if " /" in route}
    for prefix, app in (("/bitrix24", Front.app), ("/a1", A1Callback.app), ("", Operations.app)):
        for rule in app.url_map.iter_rules():
            assert prefix + re.sub(r"<.*>", "SECRET", rule.rule) in rows
    for rule in PagesFront.app.url_map.iter_rules():
        assert "/bitrix24" + re.sub(r"<.*>", "NAME", rule.rule) in rows


def test_every_code_of_bitrix24_and_every_error_of_the_gateways_own_is_named(readme: Document) -> None:
    named = set(readme.spans())
    assert set(_OPERATOR) <= named
    assert {code.value for call, code in _calls("BadBody") if isinstance(code, ast.Constant)} <= named


# Commands and the sandbox


def _parsers() -> dict[str, argparse.ArgumentParser]:
    whole = cli.parser()
    (commands,) = (each for each in whole._actions if isinstance(each, argparse._SubParsersAction))
    return {str(name): parser for name, parser in commands.choices.items()}


def test_every_command_has_a_row(readme: Document) -> None:
    rows = readme.first_column()
    for name in _parsers():
        assert any(row.split()[:2] == ["a1gateway", name] for row in rows), name


def test_every_option_of_the_sandbox_has_a_row_with_its_default(readme: Document) -> None:
    rows = {
        spans(row[0])[0]: row[2]
        for table in readme.tables
        for row in table
        if len(row) == 3 and row[0].startswith("`--")
    }
    options = {each.option_strings[-1]: each for each in _parsers()["sandbox"]._actions if each.dest != "help"}
    assert options.keys() == rows.keys()
    for name, option in options.items():
        if isinstance(option.default, str | int) and not isinstance(option.default, bool):
            assert spans(rows[name]) == [str(option.default)]


@pytest.mark.parametrize("command", ["send", "status"])
def test_every_option_of_a_command_is_named(readme: Document, command: str) -> None:
    named = {word for span in readme.spans() for word in span.split()}
    named |= {word for _, text in readme.blocks for word in text.split()}
    options = [each.option_strings[-1] for each in _parsers()[command]._actions if each.dest != "help"]
    assert [each for each in options if each not in named] == []


def test_every_ending_and_every_fault_of_the_sandbox_has_a_row(readme: Document) -> None:
    rows = readme.first_column()
    assert [each for each in (*_OUTCOMES, _STOP_LIST_ENDING, *A1Fault, *PortalFault) if str(each) not in rows] == []


# What an operator reads in the log


@cache
def _modules() -> list[ast.Module]:
    paths = sorted((ROOT / "a1gateway").rglob("*.py"))
    return [ast.parse(path.read_text("utf-8")) for path in paths if "sandbox" not in path.parts]


def _calls(*names: str) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Calls of these functions or methods, each with its first argument."""
    for module in _modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and node.args:
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in names:
                    yield node, node.args[0]


def _pattern(text: ast.expr) -> str:
    """A text of the code with `…` for whatever it fills in; empty when nothing but that is in it."""
    pattern = ""
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        pattern = re.sub(r"\{[a-z_0-9]+(?:![rs])?(?::[^{}]*)?\}", "…", text.value)
    elif isinstance(text, ast.JoinedStr):
        pattern = "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in text.values)
    pattern = pattern.replace("……", "…")
    return pattern if re.search(r"[A-Za-z]{3}", pattern) else ""


def _said_by_the_code() -> set[str]:
    """Every text that the operator may have to act upon."""
    levels = ("warn", "error", "critical", "failure")
    errors = (
        "CannotStart",
        "JournalTooNew",
        "JournalUnavailable",
        "JournalDamaged",
        "NothingCanHold",
        "NotGenuine",
        "PortalTrouble",
    )
    logged = {
        _pattern(text)
        for call, text in _calls(*levels)
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).endswith("_log")
    }
    return (logged | {_pattern(text) for _, text in _calls(*errors)} | _said_of_the_link()) - {""}


def _said_of_the_link() -> set[str]:
    """Why an SMPP connection has ended, or has not come about, when the gateway did not want it so.

    In the log the centre's address stands before it.
    """
    endings = {
        _pattern(text) for call, text in _calls("Ending") if all(each.arg != "wanted" for each in call.keywords)
    }
    reasons = {
        _pattern(node.value)
        for module in _modules()
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef) and function.name.startswith("why_")
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
    }
    return {f"… {text}" for text in (endings | reasons) - {""}}


def _fits(shown: str, said: str) -> bool:
    """Whether a text of the README is what the code says; where the code fills in, the README may be more exact."""
    return _form(said).fullmatch(shown) is not None


@cache
def _form(said: str) -> re.Pattern[str]:
    return re.compile(re.escape(said).replace("…", ".*"), re.DOTALL)


def test_every_text_that_calls_for_something_is_explained(readme: Document) -> None:
    shown = readme.spans()
    assert sorted(text for text in _said_by_the_code() if not any(_fits(each, text) for each in shown)) == []


def test_no_text_is_explained_that_the_code_does_not_say() -> None:
    said = {
        _pattern(node)
        for module in _modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant | ast.JoinedStr)
    }
    explained = [
        *ENGLISH.first_column(under="The daemon does not start"),
        *ENGLISH.first_column(under="What the log says"),
    ]
    assert len(explained) > 60
    for text in explained:
        # Faults of the configuration have their key in front.
        # What is said of the link has its address there.
        forms = (text, text.partition(": ")[2], text.replace("…: ", "", 1), text.removeprefix("… "))
        assert any(_fits(form, each) for each in said if each for form in forms if form) or text == "…: …", text


# The architecture


def test_the_architecture_names_every_stage_of_a_message() -> None:
    named = read("docs/architecture.md").spans()
    assert [str(stage) for stage in Stage if stage not in named] == []


def test_the_architecture_names_modules_that_are_there() -> None:
    named = [span for span in read("docs/architecture.md").spans() if span.endswith((".py", "/"))]
    assert len(named) > 15
    assert [name for name in named if not (ROOT / "a1gateway" / name).exists()] == []
