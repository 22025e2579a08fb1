"""Bodies from outside: PHP's brackets, plain forms, JSON; whatever comes is read or answered with 400."""

from __future__ import annotations

import gc
import tracemalloc
from io import BytesIO
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.iweb import IRequest
from twisted.web.test.requesthelper import DummyRequest

from a1gateway.web import forms
from a1gateway.web.forms import BadBody, inner_fields, nested, read_fields, text_field


class Request(DummyRequest):
    """A request with a body."""

    def __init__(self, body: bytes, content_type: str | None, query: bytes = b"") -> None:
        super().__init__([b""])
        self.uri = b"/x" + (b"?" + query if query else b"")
        self.content = BytesIO(body)
        if content_type is not None:
            self.requestHeaders.setRawHeaders("content-type", [content_type])


FORM = "application/x-www-form-urlencoded"


def read(body: bytes, content_type: str | None = FORM, query: bytes = b"") -> dict[str, Any]:
    return read_fields(cast(IRequest, Request(body, content_type, query)))


def test_a_message_as_bitrix24_sends_it() -> None:
    body = (
        "module_id=crm&bindings[0][OWNER_TYPE_ID]=2&bindings[0][OWNER_ID]=4182&type=SMS&code=a1sms_by"
        "&message_id=9f1c&message_to=%2B375291112233&message_body=%D0%97%D0%B0%D0%BA%D0%B0%D0%B7+%26+1"
        "&properties%5Bphone_number%5D=%2B375291112233&auth[domain]=shop.bitrix24.by"
    )
    assert read(body.encode()) == {
        "module_id": "crm",
        "bindings": {"0": {"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}},
        "type": "SMS",
        "code": "a1sms_by",
        "message_id": "9f1c",
        "message_to": "+375291112233",
        "message_body": "Заказ & 1",
        "properties": {"phone_number": "+375291112233"},
        "auth": {"domain": "shop.bitrix24.by"},
    }


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param([("a[]", "1"), ("a[]", "2")], {"a": {"0": "1", "1": "2"}}, id="counted"),
        pytest.param([("a", "1"), ("a", "2")], {"a": "2"}, id="the later stands"),
        pytest.param([("a", "1"), ("a[b]", "2")], {"a": {"b": "2"}}, id="fields in place of a value"),
        pytest.param([("a[b]", "1"), ("a", "2")], {"a": "2"}, id="a value in place of fields"),
        pytest.param([("a[b", "1")], {"a[b": "1"}, id="an open bracket"),
        pytest.param([("[a]", "1")], {"[a]": "1"}, id="no name"),
        pytest.param([("a[b]c", "1")], {"a[b]c": "1"}, id="something behind"),
        pytest.param([("", "1")], {"": "1"}, id="an empty name"),
    ],
)
def test_brackets(pairs: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    assert nested(pairs) == expected


def test_the_body_stands_before_the_query() -> None:
    assert read(b"a=body", query=b"a=query&DOMAIN=p.bitrix24.by") == {"a": "body", "DOMAIN": "p.bitrix24.by"}


def test_json() -> None:
    body = b'{"message_id": 7001, "status": "DELIVERED"}'
    assert read(body, "application/json; charset=utf-8") == {"message_id": 7001, "status": "DELIVERED"}


def test_a_form_without_a_content_type_is_read() -> None:
    assert read(b"message_id=1", None) == {"message_id": "1"}


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{", "application/json", "bad_json"),
        (b"[1]", "application/json", "bad_json"),
        (b'{"a": "\\ud800"}', "application/json", "bad_json"),
        (b"a=%FF%FE", FORM, "bad_encoding"),
        (b"a=\xff\xfe", FORM, "bad_encoding"),
        (b"<xml/>", "text/xml", "bad_content_type"),
        (b"&".join(b"a%d=1" % number for number in range(1200)), FORM, "too_many_fields"),
        (b"a" + b"[b]" * 30 + b"=1", FORM, "too_deep"),
    ],
)
def test_what_cannot_be_understood_gets_a_code(body: bytes, content_type: str, code: str) -> None:
    with pytest.raises(BadBody) as raised:
        read(body, content_type)
    assert raised.value.code == code
    assert raised.value.description


@given(st.binary(max_size=300), st.sampled_from([FORM, "application/json", None, "text/plain", "x/y"]))
def test_any_body_is_read_or_refused(body: bytes, content_type: str | None) -> None:
    try:
        fields = read(body, content_type)
    except BadBody:
        return
    assert isinstance(fields, dict)
    for name in fields:
        assert isinstance(text_field(fields, name), str)
        assert isinstance(inner_fields(fields, name), dict)


names = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1, max_size=8).filter(
    lambda name: not name.isdecimal()
)
trees = st.recursive(
    st.text(max_size=10),
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(prefix, value)]
    return [pair for name, inner in value.items() for pair in flat(f"{prefix}[{name}]", inner)]


@given(st.dictionaries(names, trees, max_size=4))
def test_what_php_would_write_comes_back(tree: dict[str, Any]) -> None:
    pairs = [pair for name, value in tree.items() for pair in flat(name, value)]
    assert read(urlencode(pairs).encode()) == tree


def as_the_standard_library_reads(form: bytes) -> dict[str, Any] | None:
    try:
        return nested(parse_qsl(form.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=1000))
    except (BadBody, ValueError):
        return None


@given(
    st.binary(max_size=40)
    | st.lists(
        st.tuples(
            st.sampled_from(
                [b"a", b"a[b]", b"a%5Bb%5D", b"a[]", b"%D0%B0", b"a+b", b"%zz", b"%D0", b"", b"\xd0\xb0"]
            ),
            st.sampled_from([b"", b"=", b"=1", b"=%2B375", b"=a+b%20", b"=%D0%97", b"=%D0", b"=%", b"=a=b"])
            | st.lists(
                st.sampled_from(
                    [b"%", b"%4", b"%41", b"%d0%b0", b"%D0", b"\xd0\xb0", b"\xb0", b"\\", b"x4", b"\n", b"+", b"u"]
                ),
                max_size=6,
            ).map(lambda pieces: b"=" + b"".join(pieces)),
        ),
        max_size=6,
    ).map(lambda pairs: b"&".join(name + value for name, value in pairs))
)
def test_a_form_is_read_as_the_standard_library_reads_it(form: bytes) -> None:
    expected = as_the_standard_library_reads(form)
    if expected is None:
        with pytest.raises(BadBody):
            read(form)
    else:
        assert read(form) == expected


def test_nothing_is_kept_of_names_that_are_long() -> None:
    """Whoever knows no secret can send them, at the application's own addresses."""
    read(b"a=1")
    tracemalloc.start()
    try:
        for number in range(20):
            body = b"%d" % number + b"%D1%8F" * 10_000 + b"=1"
            assert len(read(body)) == 1
        del body
        gc.collect()
        # Other threads of the run take memory meanwhile: counted is what the reading of forms has taken and holds.
        held = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, forms.__file__)])
    finally:
        tracemalloc.stop()
    assert sum(trace.size for trace in held.traces) < 20_000
