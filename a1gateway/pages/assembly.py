"""All the pages together: who makes each of them, and with what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from ..admission import Admission
from ..automation.documents import DocumentReader
from ..bitrix24.lifecycle import Lifecycle
from ..bitrix24.portal import Portal
from ..bitrix24.tokens import Tokens
from ..by_hand import Sender
from ..campaigns import Campaigns
from ..checklist.whole import Checklist
from ..config_sections import Config
from ..contact_base.jobs import BaseJobs
from ..export.exports import Exports
from ..gate import Gate
from ..intake import Intake
from ..journal import Journal
from ..journal.reader import IReader
from ..journal.spool import OffThread
from ..sender_id.in_use import names_in_use
from ..sender_id.watch import SenderNamesWatch
from ..web.strangers import Strangers
from .analytics_page import AnalyticsPages
from .base_page import BasePages
from .campaigns_page import CampaignPages
from .composer_page import ComposerPages
from .entry import Entry
from .export_page import ExportPage
from .front import PagesFront
from .journal_pages import JournalPages
from .resending import IPrices, ResendPages
from .sender_id_letter import SenderIdLetters
from .sender_id_page import SenderIdPages
from .sender_id_wizard import SenderIdWizard
from .sessions import Sessions
from .setup_page import SetupPages
from .trial import TrialPages
from .users_portal import UsersPortal
from .views import Page


@dataclass(frozen=True)
class Parts:
    """The daemon's own, of which the pages show something or to which they hand something over."""

    clock: IReactorTime
    off_thread: OffThread
    """Does what blocks where it keeps no message waiting."""
    config: Config
    reader: IReader
    journal: Journal
    portal: Portal
    tokens: Tokens
    lifecycle: Lifecycle
    sessions: Sessions
    intake: Intake
    admission: Admission
    gate: Gate
    campaigns: Campaigns
    base_jobs: BaseJobs
    checklist: Checklist
    exports: Exports
    documents: DocumentReader
    prices: IPrices | None
    """None where A1 tells no prices (SMPP)."""
    account: SenderNamesWatch | None
    """None where A1 cannot be asked for names (SMPP)."""
    strangers: Strangers

    def front(self) -> PagesFront:
        """The routes of all pages."""
        entry = Entry(self.lifecycle, self.sessions)
        public_url = self.config.http.public_url
        return PagesFront(
            self.clock,
            entry,
            self.sessions,
            self.tokens,
            list(self._pages()),
            public_url=public_url,
            strangers=self.strangers,
        )

    def _pages(self) -> Iterator[Page]:
        reader, prices = self.reader, self.prices
        sender, users = Sender(self.intake, self.admission), UsersPortal(self.portal, self.tokens)
        yield from JournalPages(reader, users).pages()
        yield from ResendPages(reader, sender, prices).pages()
        yield from ExportPage(self.exports).pages()
        yield from AnalyticsPages(reader).pages()
        yield from CampaignPages(
            self.campaigns,
            self.gate,
            configured=self.config.consent is not None,
            give_up_after=self.config.polling.give_up_after,
        ).pages()
        yield from ComposerPages(self.clock, self.documents, users, self.admission, prices).pages()
        yield from BasePages(self.clock, self.base_jobs, self.off_thread).pages()
        used = names_in_use(self.config)
        yield from SenderIdPages(reader, self.journal, self.account, used, self.off_thread).pages()
        yield from SenderIdWizard(reader, self.journal, self.account, self.off_thread).pages()
        yield from SenderIdLetters(reader, self.off_thread).pages()
        trial = TrialPages(self.clock, reader, sender, prices, users)
        yield from SetupPages(self.checklist, trial).pages()
