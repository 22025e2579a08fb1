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


class Identifiers(enum.StrEnum):
    """How A1's SMSC writes the identifier of what it has accepted."""

    DECIMAL = "decimal"
    DECIMAL_ZEROS = "decimal_zeros"  # with zeros in front
    HEX = "hex"
    HEX_UPPER = "hex_upper"
    HEX_ZEROS = "hex_zeros"
    UUID = "uuid"
    UUID_UPPER = "uuid_upper"
    LONG = "long"  # 49 characters, an underscore and dashes among them


class ReceiptsFor(enum.StrEnum):
    """What of a message in parts gets a receipt."""

    PARTS = "parts"  # each part its own
    FIRST = "first"  # the whole message one, under the identifier of its first part
    LAST = "last"


class ReceiptField(enum.StrEnum):
    """The fields of a receipt's text, in the order of SMPP 3.4, appendix B."""

    ID = "id"
    SUB = "sub"
    DLVRD = "dlvrd"
    SUBMIT_DATE = "submit date"
    DONE_DATE = "done date"
    STAT = "stat"
    ERR = "err"
    TEXT = "text"


class ReceiptOrder(enum.StrEnum):
    """The order of those fields."""

    STANDARD = "standard"
    SHUFFLED = "shuffled"  # another one for every receipt


class ReceiptCase(enum.StrEnum):
    """The letters of the labels and of the status."""

    STANDARD = "standard"
    UPPER = "upper"
    LOWER = "lower"
    CAPITALISED = "capitalised"


class Cuts(enum.StrEnum):
    """How the SMSC's PDUs are spread over TCP segments."""

    WHOLE = "whole"
    OCTETS = "octets"  # each octet alone
    TOGETHER = "together"  # all of 50 ms in one


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

    smpp_messages_per_second: float = Field(default=0.0, ge=0)  # more: ESME_RTHROTTLED; 0: no limit
    smpp_one_bind: bool = False  # a further bind in the same direction: ESME_RALYBND
    smpp_query_sm: bool = True  # whether query_sm is answered or an unknown command
    smpp_enquire_link_interval: float = Field(default=30.0, ge=0)  # for binds from now on; 0: none
    smpp_response_timeout: float = Field(default=10.0, gt=0)  # for what the ESME has to answer
    smpp_window: int = Field(default=10, ge=1)  # deliver_sm in flight to one bind
    smpp_cuts: Cuts = Cuts.WHOLE
    smpp_identifier: Identifiers = Identifiers.DECIMAL
    smpp_receipt_identifier: Identifiers | None = None  # None: as in the answer
    smpp_receipts_for: ReceiptsFor = ReceiptsFor.PARTS
    smpp_receipt_pause: float = Field(default=5.0, ge=0)  # until a receipt that was not taken comes again
    smpp_receipt_tlvs: bool = True
    smpp_receipt_tlv_nul: bool = True  # receipted_message_id ends in one
    smpp_receipt_text: bool = True
    smpp_receipt_disagrees: bool = False  # the text has another identifier and status than the TLVs
    smpp_receipt_quotes: bool = False  # the message that is quoted behind `text:` looks like fields itself
    smpp_receipt_order: ReceiptOrder = ReceiptOrder.STANDARD
    smpp_receipt_case: ReceiptCase = ReceiptCase.STANDARD
    smpp_receipt_without: tuple[ReceiptField, ...] = ()
    smpp_receipt_reference: bool = False  # user_message_reference comes back
    smpp_receipt_esm_class: int = Field(default=0x04, ge=0, le=255)
    smpp_receipt_data_coding: int = Field(default=0, ge=0, le=255)  # 8: the text is in UCS-2
    smpp_intermediate: bool = False  # a notification when a message is on its way, asked for or not


class PortalSettings(BaseModel):
    """The simulated portal; times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_lifetime: float = Field(default=3600.0, gt=0)
    requests_per_second: float = Field(default=2.0, gt=0)
    burst: float = Field(default=50.0, ge=1)
    scopes: tuple[str, ...] = ("crm", "messageservice", "bizproc", "placement", "user_brief", "telephony", "im")
    operating_seconds: float = Field(default=0.0, ge=0)  # of the server's time that a CRM command takes; 0: no limit
    installer_is_admin: bool = True
    hidden_items: tuple[tuple[int, int], ...] = ()  # from whoever is no administrator: `entityTypeId` and id of each
    automation: bool = True  # whether the plan has it: else there are no methods `bizproc.*`
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
