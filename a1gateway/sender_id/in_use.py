"""Which names the configuration has SMS go out from."""

from __future__ import annotations

from dataclasses import dataclass

from ..config_sections import Config


@dataclass(frozen=True, slots=True)
class InUse:
    """A place of the configuration that says from which name SMS go out."""

    section: str
    """`a1`, `consent` or `scenario`."""
    name: str | None
    """None: from A1's number."""
    scenario: str = ""
    """Of `scenario` which one."""

    @property
    def key(self) -> str:
        """The key that says so, such as `a1.sender_id` or `scenario.sender_id (payment)`."""
        key = f"{self.section}.sender_id"
        return f"{key} ({self.scenario})" if self.section == "scenario" else key


def names_in_use(config: Config) -> tuple[InUse, ...]:
    """What the configuration says of Sender IDs, wherever it does."""
    found = [InUse("a1", config.a1.sender_id)]
    if config.consent is not None and config.consent.sender_id is not None:
        found.append(InUse("consent", config.consent.sender_id))
    found += [InUse("scenario", each.sender_id, each.name) for each in config.scenario if each.sender_id is not None]
    return tuple(found)
