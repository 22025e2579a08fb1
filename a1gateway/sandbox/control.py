"""The JSON control routes that both counterparts have under `/sandbox/`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from klein import Klein
from pydantic import ValidationError
from twisted.web.resource import IResource
from twisted.web.server import Request

from a1gateway.sandbox.answers import body_of, json_answer, query_of
from a1gateway.sandbox.faults import Fault, Faults
from a1gateway.sandbox.settings import A1Settings, Adjustable, PortalSettings


class BadControl(Exception):
    """A control request that cannot be understood; its text says why."""


def control_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body, empty when there is no body. Raises BadControl on anything else."""
    body = body_of(request)
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise BadControl("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadControl("the body is not a JSON object")
    return value


def bad_control(request: Request, error: Exception) -> bytes:
    """400 with what was wrong."""
    if isinstance(error, ValidationError):
        faults = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        return json_answer(request, {"error": "; ".join(faults)}, 400)
    return json_answer(request, {"error": str(error)}, 400)


class Control:
    """Messages, counted requests, faults, settings and reset of one counterpart."""

    app = Klein()

    def __init__(
        self,
        *,
        messages: Callable[[int | None], list[dict[str, Any]]],
        requests: Counter[str],
        faults: Faults,
        settings: Adjustable[A1Settings] | Adjustable[PortalSettings],
        reset: Callable[[], None],
    ) -> None:
        self._messages = messages
        self._requests = requests
        self._faults = faults
        self._settings = settings
        self._reset = reset

    def resource(self) -> IResource:
        """To be put below `/sandbox/`."""
        return self.app.resource()

    @app.route("/messages", methods=["GET"])
    def messages(self, request: Request) -> bytes:
        """All messages, oldest first; `last=N` only the N newest."""
        last = dict(query_of(request)).get("last", "")
        if last and not (last.isdecimal() and len(last) < 10):
            return json_answer(request, {"error": "last is not a number"}, 400)
        return json_answer(request, self._messages(int(last) if last else None))

    @app.route("/requests", methods=["GET"])
    def requests(self, request: Request) -> bytes:
        """How many requests each method has had."""
        return json_answer(request, dict(self._requests))

    @app.route("/faults", methods=["GET"])
    def faults(self, request: Request) -> bytes:
        """The kinds there are and what is switched on."""
        return json_answer(
            request,
            {
                "kinds": self._faults.kinds,
                "groups": self._faults.groups,
                "faults": [fault.model_dump() for fault in self._faults.standing()],
            },
        )

    @app.route("/faults", methods=["POST"])
    def switch_on(self, request: Request) -> bytes:
        """Switches one fault on: `kind`, and what else `Fault` has as it applies."""
        try:
            self._faults.add(Fault.model_validate(control_object(request)))
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return self.faults(request)

    @app.route("/faults", methods=["DELETE"])
    def switch_off(self, request: Request) -> bytes:
        """Switches off the fault named by `kind` (and `method`) in the query, or all of them."""
        fields = dict(query_of(request))
        self._faults.clear(fields.get("kind"), fields.get("method"))
        return self.faults(request)

    @app.route("/settings", methods=["GET"])
    def settings(self, request: Request) -> bytes:
        """The settings as they are."""
        return json_answer(request, self._settings.now.model_dump(mode="json"))

    @app.route("/settings", methods=["POST"])
    def change_settings(self, request: Request) -> bytes:
        """Changes those that are named, all or none."""
        try:
            self._settings.change(control_object(request))
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return self.settings(request)

    @app.route("/reset", methods=["POST"])
    def reset(self, request: Request) -> bytes:
        """Forgets messages, counts and faults, stops what is under way and sets the settings back."""
        self._reset()
        return json_answer(request, {"reset": True})
