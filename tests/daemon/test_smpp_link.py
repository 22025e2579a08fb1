"""The link to a centre that is not ours: binds, ends of every kind, TLS, a pair of connections, throttling."""

from __future__ import annotations

import ipaddress
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ..centre.books import compare
from ..centre.centre import PASSWORD, SYSTEM_ID, THROTTLED, Certificate, Manner, Receipts, why_not
from ..certificates import sign
from .processes import eventually
from .stack import Sent, Stack
from .together import Scenario, Stacks, Together

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def of_a1(stack: Stack) -> dict[str, Any]:
    """What /readyz says of A1."""
    state: dict[str, Any] = stack.gateway.get("/readyz").json()["a1"]
    return state


def bound_anew(stack: Stack, since: int) -> None:
    """Wait for a session after the first so many, bound."""

    def check() -> bool:
        return any(session.number > since for session in stack.centre.book().bound)

    eventually(check, 20, "the daemon has bound anew")


def agree(stack: Stack, sent: Sequence[Sent]) -> None:
    """Every message is confirmed in the end, and the three books agree: none lost, none sent twice."""
    for each in sent:
        stack.confirmed(each, 30)
    comparison = compare(stack, sent)
    assert comparison.faults == []
    assert comparison.duplicates == 0


def every_end_of_the_link_is_followed_by_a_bind(stack: Stack) -> None:
    """Cut, closed, unbound by the centre, and the centre away for a while: each time it goes on by itself."""
    centre = stack.centre
    stack.is_delivered_once(stack.send())

    def away() -> None:
        centre.shut()
        eventually(lambda: stack.gateway.metric("a1gateway_smpp_bound") == 0, 5, "the metric says so")
        assert not of_a1(stack)["ok"]
        waiting.append(stack.send())
        assert stack.taken(waiting[-1]) == 200, "taken in all the same"
        centre.open()

    waiting: list[Sent] = []
    ends: list[Callable[[], None]] = [partial(centre.cut, "reset"), partial(centre.cut, "close")]
    ends += [partial(centre.cut, "unbind"), away]
    for end in ends:
        sessions = centre.counts().sessions
        end()
        bound_anew(stack, sessions)
        stack.gateway.ready()
        assert stack.gateway.metric("a1gateway_smpp_bound") == 1
        stack.is_delivered_once(stack.send())
    stack.is_delivered_once(waiting[0])
    ended_by = [session.ended_by for session in centre.book().sessions if session.ended_by is not None]
    assert ended_by[:3] == ["reset by the centre", "closed by the centre", "unbound by the centre"]
    assert len(centre.book().bound) == 1


def both_sides_enquire_and_a_dead_link_is_noticed(stack: Stack) -> None:
    centre = stack.centre

    def enquiries() -> tuple[int, int, int]:
        (session,) = centre.book().bound
        return session.enquiries_received, session.enquiries_sent, session.enquiries_answered

    eventually(lambda: enquiries()[0] >= 2, 10, "the daemon enquires")
    eventually(lambda: enquiries()[2] >= 2, 10, "the centre's enquiries are answered")
    received, sent, answered = enquiries()
    assert answered >= sent - 1
    assert len(centre.book().sessions) == 1, "and the link lives on"
    # From now on the centre takes what comes and says nothing.
    centre.behaves(ignored=("enquire_link",), enquire_every=0.0)
    eventually(lambda: centre.book().sessions[0].ended_at is not None, 10, "the daemon has given the link up")
    assert centre.book().sessions[0].ended_by == "closed by the gateway"
    centre.behaves(ignored=())
    bound_anew(stack, 1)
    stack.is_delivered_once(stack.send())


def a_pair_of_connections_does_what_one_does(stack: Stack) -> None:
    def asked() -> list[str]:
        return sorted(str(session.asked) for session in stack.centre.book().bound)

    assert asked() == ["bind_receiver", "bind_transmitter"]
    stack.is_delivered_once(stack.send())
    book = stack.centre.book()
    by_number = {session.number: session.asked for session in book.sessions}
    assert {by_number[submit.session] for submit in book.submits} == {"bind_transmitter"}
    assert {by_number[each.session or 0] for each in book.deliveries} == {"bind_receiver"}
    stack.centre.cut()
    eventually(lambda: asked() == ["bind_receiver", "bind_transmitter"], 20, "both are bound anew")
    stack.gateway.ready()
    stack.is_delivered_once(stack.send())
    stack.gateway.process.signal(signal.SIGTERM)
    stack.gateway.process.wait(15)
    ended_by = [session.ended_by for session in stack.centre.book().sessions]
    assert ended_by[-2:] == ["unbound by the gateway"] * 2


def a_rate_falls_when_the_centre_says_so(stack: Stack) -> None:
    """Far more than the centre takes: each arrives once, and most tries are good ones."""
    centre = stack.centre
    centre.shut()
    sent = stack.send_many(100)
    assert {stack.taken(each) for each in sent} == {200}
    # All are due at once now.
    centre.open()
    assert stack.told_all(sent) == [["delivered"]] * len(sent)
    book = centre.book()
    assert len(book.submits) == len(sent)
    assert {each.status for each in book.refused} == {THROTTLED}
    assert len(book.refused) < len(sent)
    assert stack.gateway.metric("a1gateway_smpp_throttled_total") == len(book.refused)
    agree(stack, sent)


def refused_credentials_are_reported_and_tried_again(stack: Stack) -> None:
    """The operator of the centre mends it; the daemon finds out by itself."""
    centre = stack.centre
    sessions = centre.counts().sessions
    centre.behaves(accounts={SYSTEM_ID: PASSWORD[::-1]})
    centre.cut()
    eventually(lambda: "ESME_RINVPASWD" in str(of_a1(stack).get("trouble")), 15, "/readyz says what is wrong")
    assert stack.gateway.get("/readyz").status == 503
    waiting = stack.send()
    assert stack.taken(waiting) == 200
    book = centre.book()
    assert [each.bind_status for each in book.sessions[sessions:]] == [0x0E], "it is not hammered"
    assert book.submits == []
    centre.behaves(accounts={SYSTEM_ID: PASSWORD})
    stack.is_delivered_once(waiting, 90)
    stack.gateway.ready()
    agree(stack, [waiting])


SCENARIOS = {
    "ends": Scenario(every_end_of_the_link_is_followed_by_a_bind, manner=Manner(), takes=25),
    "enquire_link": Scenario(
        both_sides_enquire_and_a_dead_link_is_noticed,
        # Whatever the centre asks breaks the silence after which the daemon asks: that has to be the shorter one.
        manner=Manner(enquire_every=0.8),
        changes={"a1__smpp": {"enquire_link_interval": 0.3, "response_timeout": 3}},
        takes=15,
    ),
    "pair": Scenario(
        a_pair_of_connections_does_what_one_does,
        manner=Manner(),
        changes={"a1__smpp": {"bind": "pair"}},
        takes=12,
    ),
    "throttled": Scenario(a_rate_falls_when_the_centre_says_so, manner=Manner(throttle=15), takes=20),
    "credentials": Scenario(refused_credentials_are_reported_and_tried_again, manner=Manner(), takes=60),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_link_holds(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)


def authority(folder: Path, name: str) -> tuple[Path, Certificate]:
    """A certificate authority's file, and a certificate for the loopback address that it has signed."""
    ca = sign(name)
    centre = sign("centre", x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")), by=ca)
    files = {suffix: folder / f"{name}-{suffix}.pem" for suffix in ("ca", "certificate", "key")}
    files["ca"].write_bytes(ca.pem)
    files["certificate"].write_bytes(centre.pem)
    files["key"].write_bytes(centre.key_pem)
    return files["ca"], Certificate(files["certificate"], files["key"])


def test_tls_is_spoken_with_a_centre_whose_certificate_is_good_and_no_other(stacks: Stacks, tmp_path: Path) -> None:
    ca, certificate = authority(tmp_path, "one")
    another, _ = authority(tmp_path, "another")
    stack = stacks.make(
        "tls", manner=Manner(receipts=Receipts()), certificate=certificate, a1__smpp={"tls": True, "ca_file": str(ca)}
    ).started()
    stack.is_delivered_once(stack.send())
    process = stack.gateway.process
    process.signal(signal.SIGTERM)
    process.wait(15)
    assert stack.centre.book().sessions[-1].ended_by == "unbound by the gateway"
    sessions = stack.centre.counts().sessions
    for given in ({"tls": True, "ca_file": str(another)}, {"tls": True}):
        sections = stack.sections(a1__smpp=given)
        stack.gateway.configure(sections)
        stack.gateway.start()
        eventually(lambda: "certificate that is not trusted" in str(of_a1(stack)), 10, "/readyz says so")
        process = stack.gateway.process
        process.signal(signal.SIGTERM)
        process.wait(15)
    assert stack.centre.counts().bound == 0
    assert not [each for each in stack.centre.book().sessions[sessions:] if each.asked], "nothing was sent to it"
    assert PASSWORD not in "".join(process.out + process.errors for process in stack.gateway.processes)
