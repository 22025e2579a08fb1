"""Errors by what has to be done about them. The text of each is for the operator."""

from __future__ import annotations


class GatewayError(Exception):
    """What failed, in one sentence; each kind below says whether trying again is worth it."""


class CannotStart(GatewayError):
    """The daemon must not run like this; the text says what has to be mended first."""


class JournalTooNew(CannotStart):
    """The journal was written by a later version of a1gateway."""


class TryLater(GatewayError):
    """Nothing is wrong with what was asked; the same again later may succeed."""


class JournalUnavailable(TryLater):
    """The journal cannot be written to or read at the moment: locked, disk full, missing, being restored."""


class JournalDamaged(JournalUnavailable):
    """The journal's file is no whole database any more. Nothing is written to it until another one is put there."""


class NothingCanHold(TryLater):
    """Neither the journal nor the spool could put a message on disk."""


class NotSent(TryLater):
    """A request did not leave: no connection came about. It is safe to repeat."""


class AnswerLost(TryLater):
    """A request may have arrived, but its answer did not. Repeating it may do the thing twice."""
