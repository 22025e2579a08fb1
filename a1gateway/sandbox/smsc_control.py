"""The control routes of the simulated SMSC, below `/sandbox/smpp/`."""

from __future__ import annotations

from klein import Klein
from twisted.web.resource import IResource
from twisted.web.server import Request

from a1gateway.sandbox.answers import json_answer
from a1gateway.sandbox.control import BadControl, bad_control, control_object
from a1gateway.sandbox.smsc import SandboxSmsc
from a1gateway.sandbox.smsc_disturbances import Disturbance
from a1gateway.sandbox.smsc_subscribers import SubscriberMessage


class SmscControl:
    """Binds, subscribers' messages, disturbances; the rest is under the routes that both transports share."""

    app = Klein()

    def __init__(self, smsc: SandboxSmsc) -> None:
        self._smsc = smsc

    def resource(self) -> IResource:
        """To be put below `/sandbox/smpp/`."""
        return self.app.resource()

    @app.route("/binds", methods=["GET"])
    def binds(self, request: Request) -> bytes:
        """Who is bound, as what and since when, what is in flight, and how many deliveries wait."""
        return json_answer(request, self._smsc.binds())

    @app.route("/subscriber", methods=["GET"])
    def written_in(self, request: Request) -> bytes:
        """What subscribers have sent, with the answers to each part."""
        return json_answer(request, self._smsc.written_in())

    @app.route("/subscriber", methods=["POST"])
    def write_in(self, request: Request) -> bytes:
        """A subscriber sends `text` from `number`; also `to`, `concatenation`, `reverse`."""
        try:
            self._smsc.write_in(SubscriberMessage.model_validate(control_object(request)))
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return self.written_in(request)

    @app.route("/disturb", methods=["POST"])
    def disturb(self, request: Request) -> bytes:
        """Does `kind` to every bind, now."""
        try:
            kind = Disturbance(str(control_object(request).get("kind", "")))
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        self._smsc.disturb(kind)
        return self.binds(request)
