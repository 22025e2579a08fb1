"""Names a1gateway to twistd. No __init__.py may stand beside this file: twisted.plugins is Twisted's own."""

from twisted.application.service import ServiceMaker

a1gateway = ServiceMaker(
    "a1gateway",
    "a1gateway.tap",
    "The SMS gateway between Bitrix24 and A1.",
    "a1gateway",
)
