"""The command line as a whole: every command is there, alone too, and none waits for what another needs."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from a1gateway import cli


def commands_of(parser: argparse.ArgumentParser) -> list[str]:
    (commands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return list(commands.choices)


COMMANDS = commands_of(cli.parser())


@pytest.mark.parametrize("command", COMMANDS)
def test_alone_a_command_is_what_it_is_among_all(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for parser in (cli.parser(), cli.parser(command)):
        assert command in commands_of(parser)
        with pytest.raises(SystemExit, match="0"):
            parser.parse_args([command, "--help"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert len(commands_of(cli.parser(command))) < len(COMMANDS)


@pytest.mark.parametrize("given", [[], ["no-such-command"], ["--no-such-option"]])
def test_whoever_mistypes_sees_all_there_are(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(given)
    said = capsys.readouterr().err
    assert said.startswith("usage: a1gateway ")
    if given == ["no-such-command"]:
        assert all(f"'{command}'" in said for command in COMMANDS)


def test_numbers_are_read_without_the_libraries_of_the_daemon() -> None:
    said = "import sys; from a1gateway.cli import parser; parser('normalize'); print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split()
    assert "a1gateway.normalize" in loaded
    assert not {"sqlalchemy", "klein", "pydantic", "twisted.internet.defer"} & set(loaded)
