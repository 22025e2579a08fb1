"""What can be set at the two counterparts while they run."""

from __future__ import annotations

import enum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class CallbackForm(enum.StrEnum):
    """How A1 calls back."""

    GET = "GET"
    FORM = "POST"
    JSON = "JSON"


class A1Settings(BaseModel):
    """The simulated A1; times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callback_url: str = ""
    callbacks: bool = True
    callback_form: CallbackForm = CallbackForm.GET
    callback_id_field: str = "message_id"
    callback_status_field: str = "status"
    callback_words: bool = True  # DELIVERED and so on; else the numbers of the polls
    callback_attempts: int = Field(default=3, ge=1)  # in all, while the answer is not 2xx
    callback_pause: float = Field(default=5.0, ge=0)
    enroute_delay: float = Field(default=1.0, ge=0)  # from acceptance to "being delivered"
    final_delay: float = Field(default=3.0, ge=0)  # from acceptance to the final status
    data_shape: bool = False  # the fields of an answer stand under `data`
    price: float = 0.045  # of one part, BYN
    balance: float = 100.0
    senders: tuple[str, ...] = ("MyShop", "A1Sandbox")
    stop_list: tuple[str, ...] = ()  # this customer's, MSISDNs without +: error 101
    stop_words: tuple[str, ...] = ("казино", "casino")  # error 106
    requests_per_second: float = Field(default=0.0, ge=0)  # more: error 7; 0: no limit


class PortalSettings(BaseModel):
    """The simulated portal; times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_lifetime: float = Field(default=3600.0, gt=0)
    requests_per_second: float = Field(default=2.0, gt=0)
    burst: float = Field(default=50.0, ge=1)
    scopes: tuple[str, ...] = ("crm", "messageservice", "bizproc", "placement", "user_brief")
    installer_is_admin: bool = True
    card_id_delay: float = Field(default=0.0, ge=0)  # from the handler's call until a status can be reported
    marketing_id_delay: float = Field(default=1.0, ge=0)  # the same for CRM marketing
    row_lifetime: float = Field(default=14 * 86400.0, gt=0)  # after which a message is unknown


_Values = TypeVar("_Values", A1Settings, PortalSettings)


class Adjustable(Generic[_Values]):
    """Settings that can be changed and set back."""

    def __init__(self, initial: _Values) -> None:
        self._initial: _Values = initial
        self.now: _Values = initial

    def change(self, changes: dict[str, object]) -> None:
        """Takes over `changes`, all or none. Raises `pydantic.ValidationError` when one is unknown or wrong."""
        self.now = type(self.now).model_validate({**self.now.model_dump(), **changes})

    def reset(self) -> None:
        """Back to what it was at the start."""
        self.now = self._initial
