"""What an administrator sees in Bitrix24's frame who installs the application, in the user's language."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from twisted.web.iweb import IRequest

# Where Bitrix24's own script comes from, which ends an installation.
_BX24 = "https://api.bitrix24.com/api/v1/"

_WORDS = {
    "ru": {
        "title": "SMS через A1",
        "registered": "Отправитель зарегистрирован",
        "pending": "Регистрация отправителя продолжается",
        "choose": "Теперь выберите его там, откуда уходят SMS: в карточке CRM, в роботах, в рассылках.",
        "again": "Шлюз повторяет попытки сам; причину видно ниже и в его журнале.",
        "code": "Код отправителя",
        "name": "Название",
        "handler": "Обработчик",
        "portal": "Портал",
        "trouble": "Что мешает",
        "ends": "Установка завершится сама.",
        "refused": "Установка не подтверждена",
        "refused_why": "Портал не подтвердил этот вызов, ничего не изменено. "
        "Откройте приложение администратором портала ещё раз; что именно не сошлось, сказано в журнале шлюза.",
        "later": "Портал сейчас не отвечает шлюзу",
        "later_why": "Ничего не изменено. Откройте приложение ещё раз через минуту.",
    },
    "be": {
        "title": "SMS праз A1",
        "registered": "Адпраўнік зарэгістраваны",
        "pending": "Рэгістрацыя адпраўніка працягваецца",
        "choose": "Цяпер выберыце яго там, адкуль ідуць SMS: у картцы CRM, у робатах, у рассылках.",
        "again": "Шлюз паўтарае спробы сам; прычыну відаць ніжэй і ў яго журнале.",
        "code": "Код адпраўніка",
        "name": "Назва",
        "handler": "Апрацоўшчык",
        "portal": "Партал",
        "trouble": "Што замінае",
        "ends": "Усталяванне завершыцца само.",
        "refused": "Усталяванне не пацверджана",
        "refused_why": "Партал не пацвердзіў гэты выклік, нічога не зменена. "
        "Адкрыйце праграму адміністратарам партала яшчэ раз; што менавіта не сышлося, сказана ў журнале шлюза.",
        "later": "Партал зараз не адказвае шлюзу",
        "later_why": "Нічога не зменена. Адкрыйце праграму яшчэ раз праз хвіліну.",
    },
    "en": {
        "title": "SMS through A1",
        "registered": "The sender is registered",
        "pending": "The sender is still being registered",
        "choose": "Now choose it wherever SMS are sent from: in the CRM card, in robots, in mailings.",
        "again": "The gateway goes on trying by itself; the reason is below and in its log.",
        "code": "Sender's code",
        "name": "Name",
        "handler": "Handler",
        "portal": "Portal",
        "trouble": "What stands in the way",
        "ends": "The installation ends by itself.",
        "refused": "The installation is not confirmed",
        "refused_why": "The portal did not confirm this call, and nothing has changed. "
        "Open the application once more as an administrator of the portal; the gateway's log says why.",
        "later": "The portal does not answer the gateway at the moment",
        "later_why": "Nothing has changed. Open the application once more in a minute.",
    },
}


@dataclass(frozen=True, slots=True)
class Registered:
    """What the installation page shows."""

    code: str
    name: str
    handler: str
    portal: str
    stands: bool
    trouble: str | None


class InstallationPage:
    """Renders the page, which the portal alone may frame, or why there is none."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("a1gateway.bitrix24"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
        )

    def installed(self, request: IRequest, language: str, endpoint: str, registered: Registered) -> bytes:
        """What is registered; the page also ends the installation in Bitrix24."""
        nonce = secrets.token_urlsafe(16)
        _headers(request, framed_by=endpoint, nonce=nonce)
        words = _words(language)
        return (
            self._templates.get_template("installed.html")
            .render(
                words=words,
                language=_language(language),
                registered=registered,
                handler=_without_secret(registered.handler),
                nonce=nonce,
                script=_BX24,
            )
            .encode()
        )

    def refusal(self, request: IRequest, language: str, *, later: bool) -> bytes:
        """Why there is no page; shown to whoever asks, so it names nothing."""
        _headers(request, framed_by="*", nonce="")
        return (
            self._templates.get_template("refusal.html")
            .render(words=_words(language), language=_language(language), which="later" if later else "refused")
            .encode()
        )


def _language(language: str) -> str:
    # Bitrix24 has no Belarusian of its own today; Russian is what its users in Belarus have.
    known = {"by": "be", "ua": "ru", "kz": "ru"}.get(language, language)
    return known if known in _WORDS else ("ru" if not known else "en")


def _words(language: str) -> dict[str, str]:
    return _WORDS[_language(language)]


def _without_secret(url: str) -> str:
    return url.rpartition("/")[0] + "/…"


def _headers(request: IRequest, *, framed_by: str, nonce: str) -> None:
    origin = "/".join(framed_by.split("/")[:3])
    scripts = f"'nonce-{nonce}' https://api.bitrix24.com" if nonce else "'none'"
    request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    request.setHeader(b"Referrer-Policy", b"no-referrer")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {scripts}; frame-ancestors 'self' {origin}"
    request.setHeader(b"Content-Security-Policy", policy.encode("ascii", "ignore"))
