"""The documents that robots of the simulated portal run on, as the module bizproc names them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MODULE = "crm"
_NAMESPACE = "Bitrix\\Crm\\Integration\\BizProc\\Document\\"

# The entity that stands for each type of item.
_ENTITIES = {
    "lead": "CCrmDocumentLead",
    "deal": "CCrmDocumentDeal",
    "contact": "CCrmDocumentContact",
    "company": "CCrmDocumentCompany",
    "quote": _NAMESPACE + "Quote",
    "smart_invoice": _NAMESPACE + "SmartInvoice",
}
_SMART_PROCESS = _NAMESPACE + "Dynamic"

_DOCUMENT = re.compile(r"(?P<kind>[a-z_]+?(?P<type>_[0-9]+)?):(?P<id>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Document:
    """A document's id and its type, each of three parts: module, entity, and what is one's own."""

    id: tuple[str, str, str]
    type: tuple[str, str, str]


def document_of(text: str) -> Document:
    """The document that is written `deal:4182`, or `dynamic_177:12` for a smart process. Raises ValueError."""
    found = _DOCUMENT.fullmatch(text)
    entity = None
    if found is not None:
        is_smart_process = found["type"] is not None and found["kind"] == "dynamic" + found["type"]
        entity = _SMART_PROCESS if is_smart_process else _ENTITIES.get(found["kind"])
    if found is None or entity is None:
        kinds = ", ".join(_ENTITIES)
        raise ValueError(f"no such document: {text!r}; it is a kind ({kinds}, dynamic_177), a colon and a number")
    kind = found["kind"].upper()
    return Document((_MODULE, entity, f"{kind}_{found['id']}"), (_MODULE, entity, kind))
