"""Errors of the simulated portal: its REST's and its OAuth server's."""

from __future__ import annotations

from typing import Any


class RestError(Exception):
    """An error of a REST method or of the OAuth server, with the HTTP status it is answered with."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status

    def answer(self) -> dict[str, Any]:
        """As it is answered, and as it stands in a batch's `result_error`."""
        return {"error": self.code, "error_description": self.description}


def access_denied() -> RestError:
    """The caller is no administrator."""
    return RestError("ACCESS_DENIED", "Access denied!", 403)


def query_limit_exceeded() -> RestError:
    """The bucket is full."""
    return RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)


def operation_time_limit() -> RestError:
    """One method took too much of the server's time in the last ten minutes."""
    return RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)


def expired_token() -> RestError:
    """The access token has to be refreshed."""
    return RestError("expired_token", "The access token provided has expired.", 401)


def licence() -> RestError:
    """The portal's plan has no REST."""
    return RestError("ACCESS_DENIED", "REST is available only on commercial plans.", 403)


def method_not_found() -> RestError:
    """No such method, or not in this plan."""
    return RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
