"""SMPP 3.4 to A1: bytes (`framer`), PDUs (`pdu`), one connection (`session`), the lasting bind (`link`)."""
