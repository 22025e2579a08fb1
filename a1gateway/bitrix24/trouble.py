"""How a request to Bitrix24 can fail, by what has to be done about it.

The codes and what they mean are from Bitrix24's documentation (system errors, limits) and its `rest` module. They are
judged by the code and not by the HTTP status, which differs between versions.
"""

from __future__ import annotations

from ..errors import GatewayError, TryLater


class PortalTrouble(TryLater):
    """The portal did nothing, for a reason that lies outside what it was asked."""

    def __init__(self, text: str, *, code: str = "", pause: float | None = None, operator: bool = False) -> None:
        """`pause` is how long the portal wants to be left alone, in seconds; `operator`: a person has to mend it."""
        super().__init__(text)
        self.code = code
        self.pause = pause
        self.operator = operator


class CommandTrouble(PortalTrouble):
    """It was one command of several that did nothing: that says nothing of the others, nor of the portal."""

    @classmethod
    def of(cls, trouble: PortalTrouble) -> CommandTrouble:
        """The same, of a command."""
        return cls(str(trouble), code=trouble.code, pause=trouble.pause, operator=trouble.operator)


class PortalError(GatewayError):
    """The portal understood, and answers that it will not do what it was asked."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description

    @property
    def says_there_is_none(self) -> bool:
        """Whether what was asked for is not there; the CRM's methods have no one code for it."""
        if self.shuts_out:
            # It is the question that the portal does not answer, whatever its words are.
            return False
        if self.code.upper() == "ENTITY_TYPE_NOT_SUPPORTED":
            # A smart process that has been deleted, with all its items.
            return True
        said = str(self).casefold()
        return any(each in said for each in _NONE)

    @property
    def shuts_out(self) -> bool:
        """Whether it is the application that is shut out from the method, whatever it asks for.

        `ACCESS_DENIED` may also be said of what was asked for.
        """
        code = self.code.upper()
        return code == "ERROR_METHOD_NOT_FOUND" or (code in _OPERATOR and code != "ACCESS_DENIED")


_NONE = ("not_found", "not found", "не найден", "does not exist")

# What the operator has to do; the daemon goes on trying, slowly.
_OPERATOR = {
    "INVALID_TOKEN": "reinstall the application in Bitrix24",
    "NO_AUTH_FOUND": "reinstall the application in Bitrix24",
    "INVALID_GRANT": "the tokens are no longer valid; reinstall the application in Bitrix24",
    "INVALID_CLIENT": "check bitrix24.client_id and bitrix24.client_secret",
    "WRONG_CLIENT": "check bitrix24.client_id and bitrix24.client_secret",
    "APPLICATION_NOT_FOUND": "the application has been removed or switched off in Bitrix24",
    "AUTHORIZATION_ERROR": "whoever installed the application may be dismissed; reinstall it as another one",
    "USER_ACCESS_ERROR": "whoever installed the application has lost access; reinstall it as another one",
    "INSUFFICIENT_SCOPE": "tick the application's permissions named in the README in Bitrix24 and reinstall it",
    "INVALID_SCOPE": "tick the application's permissions named in the README in Bitrix24 and reinstall it",
    "ACCESS_DENIED": "an administrator's rights are needed, also to what was asked for, and a commercial plan",
    "INVALID_CREDENTIALS": "the application needs an administrator's rights; reinstall it as an administrator",
    "WRONG_AUTH_TYPE": "install a1gateway as a local application, not as a webhook",
    "OVERLOAD_LIMIT": "Bitrix24 has blocked this application's calls; ask Bitrix24's support",
    "PORTAL_DELETED": "the portal has been deleted",
    "PAYMENT_REQUIRED": "the portal's subscription has ended",
    "METHOD_CONFIRM_WAITING": "an administrator has to confirm the call in Bitrix24",
    "METHOD_CONFIRM_DENIED": "an administrator has denied the call in Bitrix24",
}

_AGAIN = {"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "CONNECTION_ERROR", "SERVICE_UNAVAILABLE"}

EXPIRED = "EXPIRED_TOKEN"
INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105  # an error code
NO_AUTH_FOUND = "NO_AUTH_FOUND"
QUERY_LIMIT = "QUERY_LIMIT_EXCEEDED"
OPERATION_LIMIT = "OPERATION_TIME_LIMIT"

_QUERY_LIMIT_PAUSE = 1.5
_OPERATION_LIMIT_PAUSE = 600.0
_OPERATOR_PAUSE = 300.0


def judge(code: str, description: str, *, reset_in: float | None = None) -> PortalTrouble | PortalError:
    """The error that a code stands for; `reset_in` is when an exhausted method is free again, in seconds.

    The pause for that is between one second and ten minutes, which is what Bitrix24 takes at most, whatever time it
    names.
    """
    name = code.upper()
    if name == QUERY_LIMIT:
        return PortalTrouble("Bitrix24 wants fewer requests", code=name, pause=_QUERY_LIMIT_PAUSE)
    if name == OPERATION_LIMIT:
        # A time that is past, though the method is not free: somebody's clock is wrong.
        known = reset_in is not None and 0 < reset_in < _OPERATION_LIMIT_PAUSE
        pause = max(1.0, reset_in or 0.0) if known else _OPERATION_LIMIT_PAUSE
        return PortalTrouble("Bitrix24 has spent its time on this method", code=name, pause=pause)
    if name in _OPERATOR:
        text = f"Bitrix24 answers {code}: {_OPERATOR[name]}"
        return PortalTrouble(text, code=name, pause=_OPERATOR_PAUSE, operator=True)
    if name in _AGAIN or name == EXPIRED:
        return PortalTrouble(f"Bitrix24 answers {code}: {description}", code=name)
    return PortalError(code, description)
