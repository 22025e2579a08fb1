"""What is installed on a server is pinned, with hashes, and is what the tests ran with."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from importlib.metadata import requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from packages.source import CHECKOUT

_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked(name: str) -> dict[str, str]:
    """The version of each package of a lock; fails on one without a version or without a hash."""
    text = (CHECKOUT / "requirements" / name).read_text("utf-8").replace("\\\n", " ")
    versions: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        first, *hashes = line.split()
        package, pinned = first.split("==")
        assert hashes, line
        assert all(map(_HASH.fullmatch, hashes)), line
        versions[canonicalize_name(package)] = pinned
    return versions


def asked_for() -> list[str]:
    """What setup.cfg asks for."""
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", "utf-8")
    return setup["options"]["install_requires"].split("\n")[1:]


def needed(requirement: Requirement) -> Iterator[Requirement]:
    """A requirement and all that it brings with it, as the installed packages say."""
    yield requirement
    for line in requires(requirement.name) or []:
        further = Requirement(line)
        wanted = [{"extra": extra} for extra in requirement.extras] or [{"extra": ""}]
        if further.marker is None or any(map(further.marker.evaluate, wanted)):
            yield from needed(further)


def test_the_lock_satisfies_setup_cfg_and_whatever_that_brings_with_it() -> None:
    versions = locked("runtime.txt")
    found = set()
    for line in asked_for():
        for requirement in needed(Requirement(line)):
            name = canonicalize_name(requirement.name)
            assert name in versions, f"{requirement} is not locked: make lock"
            assert requirement.specifier.contains(versions[name], prereleases=True), f"{requirement}: make lock"
            found.add(name)
    assert found == set(versions), "locked without a need: make lock"


@pytest.mark.parametrize("lock", ["runtime.txt", "build.txt"])
def test_the_tests_run_with_what_is_locked(lock: str) -> None:
    versions = locked(lock)
    assert {name: version(name) for name in versions} == versions


@pytest.mark.parametrize("lock", ["runtime.txt", "build.txt"])
def test_a_lock_names_no_place_to_fetch_from(lock: str) -> None:
    """Where packages come from is a matter of whoever installs them; the hashes hold for any place."""
    text = (CHECKOUT / "requirements" / lock).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE)


def test_setuptools_is_one_that_can_build_this() -> None:
    pinned = locked("build.txt")["setuptools"]
    [asked] = re.findall(r'requires = \["(setuptools[^"]*)"\]', (CHECKOUT / "pyproject.toml").read_text("utf-8"))
    assert Requirement(asked).specifier.contains(pinned)
