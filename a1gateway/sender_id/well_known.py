"""Names that subscribers in Belarus trust, and words that name nobody: what A1 is likely to ask questions about.

Curated by hand from what people in Belarus get SMS from. It is no register: that a name is missing says nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Owner(enum.StrEnum):
    """What kind of body a well-known name belongs to."""

    OPERATOR = "operator"
    BANK = "bank"
    PAYMENTS = "payments"
    AUTHORITY = "authority"
    PUBLIC_SERVICE = "public_service"
    """Post, transport, energy, insurance."""
    DELIVERY = "delivery"
    SHOP = "shop"
    ONLINE_SERVICE = "online_service"


@dataclass(frozen=True, slots=True)
class WellKnown:
    """A name that subscribers trust."""

    name: str
    """As its owner writes it in Latin letters."""
    owner: Owner


_NAMES = {
    Owner.OPERATOR: (
        "A1, velcom, MTS, life:), Beltelecom, byfly, beCloud, hoster.by, Cosmos TV, ZALA",
        "maxifi",
    ),
    Owner.BANK: (
        "Belarusbank, Belagroprombank, Belinvestbank, Priorbank, BPS-Sberbank, Sber Bank, Alfa-Bank, BNB-Bank",
        "BelVEB, MTBank, Paritetbank, Belgazprombank, VTB, Dabrabyt, Technobank, StatusBank, RRB-Bank",
        "Zepter Bank, Reshenie, TK Bank, ASB, BSB Bank, Idea Bank, Fransabank, NBRB, Natsbank",
        "Absolutbank, Myfin, Moby Bank, Halva",
    ),
    Owner.PAYMENTS: (
        "ERIP, Raschet, BELKART, Belcard, Oplati, iPay, WebPay, bePaid, ExpressPay, Visa, Mastercard, PayPal",
        "Western Union, Unistream, Qiwi, WebMoney, Binance",
    ),
    Owner.AUTHORITY: (
        "MNS, Nalog, MVD, MChS, KGB, GAI, GTK, Customs, Militsiya, Milicia, Police, Prokuratura, Sledcom, KGK",
        "Minzdrav, Minobr, Mintrud, Minfin, Minjust, Mininform, Mintrans, MART, FSZN, OAC, BelGIE, Belstat",
        "Gosuslugi, Portal.gov, President, Government, Parlament, Sovmin, Belarus, Minsk, Gorispolkom",
        "Ispolkom, Voenkomat, ZAGS, Pasport, Elections, CIK, Sanepid, E-pasluga",
    ),
    Owner.PUBLIC_SERVICE: (
        "Belpost, Belpochta, Belposhta, BelZhD, Belavia, Minsktrans, Minskmetro, Belenergo, Minskenergo, Mingaz",
        "Vodokanal, Energosbyt, Belorusneft, Belgosstrah, Beltehosmotr, Belgidromet",
    ),
    Owner.DELIVERY: (
        "Europost, Evropochta, Europochta, Autolight, DPD, DHL, FedEx, UPS, EMS, CDEK, SDEK, Boxberry, Yandex Go",
        "e-dostavka, Glovo, Delivio, Menu.by",
    ),
    Owner.SHOP: (
        "Euroopt, Evroopt, Santa, Korona, Gippo, Green, Almi, Sosedi, Mila, Wildberries, Ozon, 21vek, Kufar",
        "Onliner, 5 element, Elektrosila, OMA, Mile, Detmir, Lamoda, AliExpress, Emall, Kravt, Rublevski",
        "Vitalur, Svetofor, Mark Formelle, Conte, Milavitsa, Sportmaster, Amazon, Temu, Shein, av.by, Realt",
        "Relax.by, tut.by",
    ),
    Owner.ONLINE_SERVICE: (
        "Google, YouTube, Gmail, Apple, iCloud, Facebook, Instagram, WhatsApp, Viber, Telegram, Microsoft",
        "Windows, Netflix, Spotify, Steam, TikTok, Yandex, VKontakte, Odnoklassniki, Mail.ru, Rambler, Bitrix24",
        "Uber, Bolt, Booking, Airbnb, Discord, Skype, Zoom, LinkedIn, Signal, Snapchat, OpenAI, ChatGPT, Twitter",
    ),
}

WELL_KNOWN = tuple(
    WellKnown(name, owner) for owner, lines in _NAMES.items() for line in lines for name in line.split(", ")
)
"""The names that a subscriber would take for somebody in particular."""

_GENERIC = (
    "access account action admin adv agent akcia akciya alarm alert apteka auth auto bank bel bilet bonus by cafe",
    "call card cash center centre chat city clinic club code company confirm contact contacts credit customer dear",
    "delivery director discount dostavka dostup expo express firma fitness gateway gift global group hello help",
    "home hotel hotline http https important info inform information kassa klient klub kod kredit login magazin",
    "mail main manager market marketing master medcentr message messages mobile money msg name news notice",
    "notification notify number office ofis online oplata order otp pass password pay payment phone pin pochta",
    "podarok post price prize promo rabota reklama remind reminder robot sale sales salon secure security sender",
    "sertifikat service servis shop site skidka skidki sms soobschenie soobshenie spam srochno stock stom stop",
    "store studio subject subscribe super support svyaz system taxi team tel telefon test the tour update urgent",
    "user verify vip vnimanie web welcome win worker www zakaz zapis zdravstvuyte",
)

GENERIC_WORDS = frozenset(word for line in _GENERIC for word in line.split())
"""Words that name no company, in small letters: a name of nothing else says nobody's name."""
