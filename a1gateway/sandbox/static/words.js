"use strict";

const WORDS = {
  ru: {
    "title": "Песочница a1gateway",
    "sandbox": "песочница",
    "contact": "Контакт", "name": "Имя", "phone": "Телефон",
    "module": "Откуда отправляется",
    "module.crm": "Карточка CRM", "module.bizproc": "Робот", "module.sender": "Маркетинг",
    "text": "Текст SMS", "send": "Отправить SMS",
    "messages": "Сообщения", "messages.none": "Пока ничего не отправлено.", "reset": "Очистить",
    "counter": "{units} симв. · {alphabet} · SMS: {parts} · ещё {room}",
    "status.queued": "В очереди", "status.sent": "Отправлено", "status.delivered": "Доставлено",
    "status.undelivered": "Не доставлено", "status.failed": "Ошибка",
    "handler.none": "шлюз не ответил", "handler.answer": "шлюз ответил {code}", "handler.wait": "ждём шлюз",
    "segments": "SMS: {parts}",
    "state": "Установка в Битрикс24", "state.application": "Приложение", "state.answer": "Ответ шлюза",
    "state.sender": "Отправитель",
    "state.absent": "не установлено", "state.begun": "установка не завершена", "state.installed": "установлено",
    "state.noanswer": "нет ответа", "state.nosender": "не зарегистрирован", "state.waiting": "ждём",
    "do.install": "Установить заново", "do.page": "Установить страницей", "do.expire": "Просрочить токены",
    "do.update": "Новая версия", "do.uninstall": "Удалить", "done": "Сделано.",
    "a1": "A1: сбои", "portal": "Битрикс24: сбои", "clear": "Убрать все",
    "settings": "Настройки A1", "setting.callbacks": "Присылать callback", "setting.data_shape": "Поля ответа в «data»",
    "times": "сколько раз", "times.always": "всегда", "times.left": "ещё {times}", "code": "код", "seconds": "секунд",
    "endings": "Исход по последним цифрам номера",
    "ending.00": "отклонено оператором", "ending.01": "не доставлено", "ending.02": "истёк срок доставки",
    "ending.03": "остаётся в пути", "ending.04": "стоп-лист A1, ошибка 102",
    "ending.05": "неизвестный статус, затем доставлено", "ending.other": "иначе", "ending.xx": "доставлено",
    "ending": "Исход для этого номера в песочнице: {outcome}.",
    "books": "Что принял A1", "away": "Песочница не отвечает.",
    "problem.no_sender": "В портале не зарегистрирован отправитель SMS: шлюз ещё не установлен.",
    "error": "ответить ошибкой", "lose_answer": "сделать и не ответить", "hang": "зависнуть",
    "hang_accept": "принять и зависнуть", "http_500": "HTTP 500", "html": "HTML вместо JSON",
    "cut_json": "половина JSON", "cut_body": "обрыв посреди ответа", "latency": "отвечать медленно",
    "callback_early": "callback раньше ответа", "callback_double": "callback дважды",
    "callback_reorder": "callback не по порядку", "no_callback": "без callback", "no_delivery": "не доставлять",
    "portal_down": "портал недоступен", "rate_limit": "слишком много запросов",
    "operation_time_limit": "лимит времени метода", "expired_token": "токен просрочен",
    "license": "REST нет в тарифе", "slow": "отвечать медленно", "not_found_first": "сообщение не сразу найдено",
  },
  be: {
    "title": "Пясочніца a1gateway",
    "sandbox": "пясочніца",
    "contact": "Кантакт", "name": "Імя", "phone": "Тэлефон",
    "module": "Адкуль адпраўляецца",
    "module.crm": "Картка CRM", "module.bizproc": "Робат", "module.sender": "Маркетынг",
    "text": "Тэкст SMS", "send": "Адправіць SMS",
    "messages": "Паведамленні", "messages.none": "Пакуль нічога не адпраўлена.", "reset": "Ачысціць",
    "counter": "{units} сімв. · {alphabet} · SMS: {parts} · яшчэ {room}",
    "status.queued": "У чарзе", "status.sent": "Адпраўлена", "status.delivered": "Дастаўлена",
    "status.undelivered": "Не дастаўлена", "status.failed": "Памылка",
    "handler.none": "шлюз не адказаў", "handler.answer": "шлюз адказаў {code}", "handler.wait": "чакаем шлюз",
    "segments": "SMS: {parts}",
    "state": "Устаноўка ў Бітрыкс24", "state.application": "Праграма", "state.answer": "Адказ шлюза",
    "state.sender": "Адпраўнік",
    "state.absent": "не ўстаноўлена", "state.begun": "устаноўка не завершана", "state.installed": "устаноўлена",
    "state.noanswer": "няма адказу", "state.nosender": "не зарэгістраваны", "state.waiting": "чакаем",
    "do.install": "Устанавіць нанова", "do.page": "Устанавіць старонкай", "do.expire": "Пратэрмінаваць токены",
    "do.update": "Новая версія", "do.uninstall": "Выдаліць", "done": "Зроблена.",
    "a1": "A1: збоі", "portal": "Бітрыкс24: збоі", "clear": "Прыбраць усе",
    "settings": "Налады A1", "setting.callbacks": "Дасылаць callback", "setting.data_shape": "Палі адказу ў «data»",
    "times": "колькі разоў", "times.always": "заўсёды", "times.left": "яшчэ {times}", "code": "код", "seconds": "секунд",
    "endings": "Вынік паводле апошніх лічбаў нумара",
    "ending.00": "адхілена аператарам", "ending.01": "не дастаўлена", "ending.02": "скончыўся тэрмін дастаўкі",
    "ending.03": "застаецца ў дарозе", "ending.04": "стоп-ліст A1, памылка 102",
    "ending.05": "невядомы статус, потым дастаўлена", "ending.other": "інакш", "ending.xx": "дастаўлена",
    "ending": "Вынік для гэтага нумара ў пясочніцы: {outcome}.",
    "books": "Што прыняў A1", "away": "Пясочніца не адказвае.",
    "problem.no_sender": "У партале не зарэгістраваны адпраўнік SMS: шлюз яшчэ не ўстаноўлены.",
    "error": "адказаць памылкай", "lose_answer": "зрабіць і не адказаць", "hang": "завіснуць",
    "hang_accept": "прыняць і завіснуць", "http_500": "HTTP 500", "html": "HTML замест JSON",
    "cut_json": "палова JSON", "cut_body": "абрыў пасярод адказу", "latency": "адказваць павольна",
    "callback_early": "callback раней за адказ", "callback_double": "callback двойчы",
    "callback_reorder": "callback не па парадку", "no_callback": "без callback", "no_delivery": "не дастаўляць",
    "portal_down": "партал недаступны", "rate_limit": "зашмат запытаў",
    "operation_time_limit": "ліміт часу метаду", "expired_token": "токен пратэрмінаваны",
    "license": "REST няма ў тарыфе", "slow": "адказваць павольна", "not_found_first": "паведамленне не адразу знойдзена",
  },
  en: {
    "title": "a1gateway sandbox",
    "sandbox": "sandbox",
    "contact": "Contact", "name": "Name", "phone": "Phone",
    "module": "Sent from",
    "module.crm": "CRM card", "module.bizproc": "Robot", "module.sender": "Marketing",
    "text": "SMS text", "send": "Send SMS",
    "messages": "Messages", "messages.none": "Nothing has been sent yet.", "reset": "Clear",
    "counter": "{units} chars · {alphabet} · SMS: {parts} · {room} left",
    "status.queued": "Queued", "status.sent": "Sent", "status.delivered": "Delivered",
    "status.undelivered": "Not delivered", "status.failed": "Failed",
    "handler.none": "gateway did not answer", "handler.answer": "gateway answered {code}",
    "handler.wait": "waiting for the gateway",
    "segments": "SMS: {parts}",
    "state": "Installation in Bitrix24", "state.application": "Application", "state.answer": "Gateway's answer",
    "state.sender": "Sender",
    "state.absent": "not installed", "state.begun": "installation not finished", "state.installed": "installed",
    "state.noanswer": "no answer", "state.nosender": "not registered", "state.waiting": "waiting",
    "do.install": "Install again", "do.page": "Install with a page", "do.expire": "Expire tokens",
    "do.update": "New version", "do.uninstall": "Uninstall", "done": "Done.",
    "a1": "A1: faults", "portal": "Bitrix24: faults", "clear": "Clear all",
    "settings": "A1's settings", "setting.callbacks": "Send callbacks", "setting.data_shape": "Answer's fields under “data”",
    "times": "how many times", "times.always": "always", "times.left": "{times} left", "code": "code", "seconds": "seconds",
    "endings": "Outcome by the number's last digits",
    "ending.00": "rejected by the operator", "ending.01": "not delivered", "ending.02": "expired",
    "ending.03": "stays on its way", "ending.04": "A1's stop list, error 102",
    "ending.05": "an unknown status, then delivered", "ending.other": "others", "ending.xx": "delivered",
    "ending": "What the sandbox does with this number: {outcome}.",
    "books": "What A1 has accepted", "away": "The sandbox does not answer.",
    "problem.no_sender": "No SMS sender is registered in the portal: the gateway is not installed yet.",
    "error": "answer an error", "lose_answer": "work, then no answer", "hang": "hang",
    "hang_accept": "accept, then hang", "http_500": "HTTP 500", "html": "HTML instead of JSON",
    "cut_json": "half of the JSON", "cut_body": "cut in mid-answer", "latency": "answer slowly",
    "callback_early": "callback before the answer", "callback_double": "callback twice",
    "callback_reorder": "callbacks out of order", "no_callback": "no callback", "no_delivery": "do not deliver",
    "portal_down": "portal is down", "rate_limit": "too many requests",
    "operation_time_limit": "method's time limit", "expired_token": "token expired",
    "license": "plan without REST", "slow": "answer slowly", "not_found_first": "message not found at first",
  },
};

let language = "ru";

// The word for `key` in the chosen language, with {names} filled in.
function word(key, values = {}) {
  const text = WORDS[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

function speak(chosen) {
  language = chosen in WORDS ? chosen : "ru";
  document.documentElement.lang = language;
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = word(element.dataset.t);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}
