"""What Bitrix24's errors say: of whom, and whether there is something at all."""

from __future__ import annotations

import pytest

from a1gateway.bitrix24.trouble import PortalError, PortalTrouble, judge


@pytest.mark.parametrize(
    ("code", "description"),
    [
        ("NOT_FOUND", ""),
        ("not_found", "Элемент не найден"),
        ("", "Not found"),
        ("100", "Элемент не найден"),
        ("ERROR_CORE", "The item does not exist"),
        ("OWNER_NOT_FOUND", "Owner was not found"),
        # A smart process that was deleted took its items along.
        ("ENTITY_TYPE_NOT_SUPPORTED", "Entity type `177` is not supported"),
        ("entity_type_not_supported", ""),
    ],
)
def test_what_is_gone(code: str, description: str) -> None:
    error = PortalError(code, description)
    assert error.says_there_is_none
    assert not error.shuts_out


@pytest.mark.parametrize(
    ("code", "description"),
    [
        ("", ""),
        ("ACCESS_DENIED", "Access denied!"),
        ("ERROR_CORE", "Something went wrong"),
        ("INVALID_ARG_VALUE", "Wrong filter"),
        ("ENTITY_TYPE_NOT_ALLOWED", ""),
    ],
)
def test_what_is_refused_is_not_gone_and_may_be_a_matter_of_what_was_asked_for(code: str, description: str) -> None:
    error = PortalError(code, description)
    assert not error.says_there_is_none
    assert not error.shuts_out


@pytest.mark.parametrize(
    ("code", "description"),
    [
        ("ERROR_METHOD_NOT_FOUND", "Method not found!"),
        ("error_method_not_found", "Method not found!"),
        ("insufficient_scope", "The request requires higher privileges than provided"),
        ("INSUFFICIENT_SCOPE", ""),
        ("INVALID_CREDENTIALS", ""),
        ("APPLICATION_NOT_FOUND", "Application not found"),
        ("PAYMENT_REQUIRED", ""),
        ("METHOD_CONFIRM_WAITING", ""),
    ],
)
def test_an_application_that_is_shut_out_learns_nothing_of_what_there_is(code: str, description: str) -> None:
    """Or all documents would be taken for deleted, once a permission has been taken away."""
    error = PortalError(code, description)
    assert error.shuts_out
    assert not error.says_there_is_none


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "INSUFFICIENT_SCOPE", "PAYMENT_REQUIRED"])
def test_of_a_whole_request_it_is_a_trouble_for_the_operator(code: str) -> None:
    trouble = judge(code, "")
    assert isinstance(trouble, PortalTrouble)
    assert trouble.operator
    assert isinstance(judge("NOT_FOUND", "Not found"), PortalError)
