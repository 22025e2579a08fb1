"""A1's errors: those of a request and those of one message."""

from __future__ import annotations

from typing import Any

# 9, 10, 11, 15 and 16 all mean a malformed request; which is which A1 tells its customers only. The division here is
# the sandbox's own.
REQUEST_ERRORS = {
    1: "Internal error",
    2: "No such call",
    3: "Credentials are missing",
    4: "Wrong credentials",
    5: "IP address is not allowed",
    6: "Account is not active",
    7: "Too many requests",
    8: "Channel is not available",
    9: "A required parameter is missing",
    10: "The parameter is not JSON in UTF-8",
    11: "The parameter is not an array of objects",
    12: "Message not found",
    13: "More than 500 in a batch",
    14: "Wrong request",
    15: "The array is empty",
    16: "Wrong parameter",
}

MESSAGE_ERRORS = {
    1: "A required field is missing",
    2: "The field is too long",
    3: "Wrong date",
    5: "The value is out of range",
    20: "Duplicate of a message just sent",
    100: "Bad recipient number",
    101: "The recipient is on your stop list",
    102: "The recipient is on the operator's stop list",
    103: "The recipient's operator is not allowed",
    104: "The sender name is not approved",
    105: "The text is empty",
    106: "Stop word in the text",
    107: "Bad sending time",
}


class RequestError(Exception):
    """An error of a whole request."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def answer(self) -> dict[str, Any]:
        """The whole answer."""
        return {"status": False, "error": {"code": self.code, "description": REQUEST_ERRORS[self.code]}}


class MessageError(Exception):
    """An error of one message, in the field `parameter`."""

    def __init__(self, code: int, parameter: str) -> None:
        super().__init__(code, parameter)
        self.code = code
        self.parameter = parameter

    def error(self) -> dict[str, Any]:
        """The `error` object, as it stands in an answer or in an element of a bulk answer."""
        return {
            "code": self.code,
            "description": MESSAGE_ERRORS[self.code],
            "parameter": self.parameter,
        }
