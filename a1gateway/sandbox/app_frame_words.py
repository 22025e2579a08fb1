"""The words of the simulated portal's pages around the application's frame."""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, str]

_WORDS: Mapping[str, Words] = {
    "ru": {
        "bitrix24": "Битрикс24",
        "sandbox": "песочница",
        "menu": "Меню портала",
        "application": "SMS через A1",
        "tasks": "Задачи и проекты",
        "calendar": "Календарь",
        "crm": "CRM",
        "back": "К песочнице",
        "viewer": "Кто смотрит",
        "language": "Язык",
        "lead": "Лид",
        "deal": "Сделка",
        "contact": "Контакт",
        "company": "Компания",
        "tabs": "Вкладки карточки",
        "general": "Общие",
        "history": "История",
        "loading": "Приложение загружается…",
        "finish": "Завершить установку",
        "unanswered": "Портал не ответил приложению: песочница не отвечает.",
        "opens": "Битрикс24 открыл бы",
        "nothing": "Здесь ничего нет: такого пользователя или элемента в песочнице нет.",
        "absent": "Приложение не установлено в портале.",
        "unfinished": "Установка приложения не завершена. Её завершит администратор портала.",
    },
    "be": {
        "bitrix24": "Бітрыкс24",
        "sandbox": "пясочніца",
        "menu": "Меню партала",
        "application": "SMS праз A1",
        "tasks": "Задачы і праекты",
        "calendar": "Каляндар",
        "crm": "CRM",
        "back": "Да пясочніцы",
        "viewer": "Хто глядзіць",
        "language": "Мова",
        "lead": "Лід",
        "deal": "Здзелка",
        "contact": "Кантакт",
        "company": "Кампанія",
        "tabs": "Укладкі карткі",
        "general": "Агульныя",
        "history": "Гісторыя",
        "loading": "Праграма загружаецца…",
        "finish": "Завяршыць устаноўку",
        "unanswered": "Партал не адказаў праграме: пясочніца не адказвае.",
        "opens": "Бітрыкс24 адкрыў бы",
        "nothing": "Тут нічога няма: такога карыстальніка або элемента ў пясочніцы няма.",
        "absent": "Праграма не ўстаноўлена ў партале.",
        "unfinished": "Устаноўка праграмы не завершана. Яе завершыць адміністратар партала.",
    },
    "en": {
        "bitrix24": "Bitrix24",
        "sandbox": "sandbox",
        "menu": "The portal's menu",
        "application": "SMS through A1",
        "tasks": "Tasks and projects",
        "calendar": "Calendar",
        "crm": "CRM",
        "back": "To the sandbox",
        "viewer": "Who looks",
        "language": "Language",
        "lead": "Lead",
        "deal": "Deal",
        "contact": "Contact",
        "company": "Company",
        "tabs": "The card's tabs",
        "general": "General",
        "history": "History",
        "loading": "The application is loading…",
        "finish": "Finish the installation",
        "unanswered": "The portal did not answer the application: the sandbox does not answer.",
        "opens": "Bitrix24 would open",
        "nothing": "There is nothing here: the sandbox has no such user or item.",
        "absent": "The application is not installed in the portal.",
        "unfinished": "The installation is not finished. An administrator of the portal has to finish it.",
    },
}


def words_for(language: str) -> Words:
    """Those of a language of Bitrix24's; in English for one that the sandbox does not speak."""
    return _WORDS.get(language, _WORDS["en"])
