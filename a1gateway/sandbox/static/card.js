"use strict";

const SHOWN = 50;
const ENDINGS = ["00", "01", "02", "03", "04", "05"];

const byId = (id) => document.getElementById(id);
const faultPanels = [new FaultPanel(byId("a1-panel")), new FaultPanel(byId("portal-panel"))];
const a1Settings = new SettingSwitches(byId("a1-panel"), "/sandbox/a1/settings");

// What was last drawn, so that nothing is drawn twice and news can be told.
const drawn = { messages: "", books: "", notifications: "", state: "" };
const lastStatus = new Map();
let latest = { messages: [], books: [], notifications: [], state: null };

function complain(problem) {
  const text = problem instanceof TypeError ? word("away") : problem.message;
  byId("problem").textContent = text;
  byId("problem").hidden = text === "";
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(language === "en" ? "en-GB" : "ru-RU");
}

function count() {
  const { gsm, units, parts, room } = segmentCount(byId("text").value);
  byId("counter").textContent = word("counter", { units, parts, room, alphabet: gsm ? "GSM-7" : "UCS-2" });
  byId("counter").classList.toggle("many", parts > 10);
}

function foretell() {
  const digits = byId("to").value.replace(/\D/g, "");
  const ending = digits.length >= 9 ? digits.slice(-2) : "";
  const outcome = word(ENDINGS.includes(ending) ? `ending.${ending}` : "ending.xx");
  byId("ending").textContent = ending ? word("ending", { outcome }) : "";
}

function initials() {
  const names = byId("name").value.trim().split(/\s+/);
  byId("avatar").textContent = names.slice(0, 2).map((name) => Array.from(name)[0] ?? "").join("").toUpperCase();
}

function handlerNote(calls) {
  if (calls.length === 0) {
    return word("handler.wait");
  }
  const code = calls[calls.length - 1];
  return code === null ? word("handler.none") : word("handler.answer", { code });
}

function messageItem(message) {
  const badge = make("span", { class: `badge ${message.status}` }, word(`status.${message.status}`));
  const number = make("span", { class: "number" }, message.to);
  const facts = [
    word(`module.${message.module}`),
    word("segments", { parts: segmentCount(message.text).parts }),
    handlerNote(message.calls),
  ];
  const steps = make("ol", { class: "steps" });
  steps.append(make("li", {}, `${clock(message.sent_at)} ${word("status.sent")}`));
  for (const { at, status } of message.history) {
    steps.append(make("li", { class: status }, `${clock(at)} ${word(`status.${status}`)}`));
  }
  return make(
    "li", {},
    make("div", { class: "row" }, number, badge),
    make("p", { class: "body" }, message.text),
    make("p", { class: "quiet small-text" }, facts.join(" · ")),
    steps,
  );
}

function bookItem(message) {
  const facts = [message.sender || "—", word("segments", { parts: message.parts }), message.method, `№ ${message.message_id}`];
  return make(
    "li", {},
    make(
      "div", { class: "row" },
      make("span", { class: "number" }, `+${message.msisdn}`),
      make("span", { class: "badge plain" }, message.status),
    ),
    make("p", { class: "body" }, message.text),
    make("p", { class: "quiet small-text" }, facts.join(" · ")),
  );
}

function notificationItem(notification) {
  return make(
    "li", {},
    make("p", { class: "quiet small-text" }, `${clock(notification.at)} → ${notification.to}`),
    ...notification.text.split("\n").map((line) => make("p", { class: "body" }, line)),
  );
}

function drawList(name, list, total, items, item) {
  const now = language + JSON.stringify(items);
  if (drawn[name] === now) {
    return;
  }
  drawn[name] = now;
  byId(list).replaceChildren(...[...items].reverse().map(item));
  byId(total).textContent = items.length === SHOWN ? `${SHOWN}+` : String(items.length);
}

function drawState(state) {
  const now = language + JSON.stringify(state);
  if (state === null || drawn.state === now) {
    return;
  }
  drawn.state = now;
  const put = (id, text, tone) => {
    byId(id).textContent = text;
    byId(id).dataset.tone = tone;
  };
  const application = state.installed ? "installed" : state.known ? "begun" : "absent";
  put("state-application", word(`state.${application}`), state.installed ? "good" : "bad");
  const good = state.answer >= 200 && state.answer < 300;
  put("state-answer", state.answer === null ? word("state.noanswer") : `HTTP ${state.answer}`, good ? "good" : "bad");
  const sender = state.senders[0];
  put("state-sender", sender ? sender.code : word("state.nosender"), sender ? "good" : "bad");
  put("state-handler", sender ? sender.handler : word("state.waiting"), sender ? "" : "bad");
}

function draw() {
  drawList("messages", "messages", "total", latest.messages, messageItem);
  drawList("books", "a1-messages", "a1-total", latest.books, bookItem);
  drawList("notifications", "notifications", "notifications-total", latest.notifications, notificationItem);
  byId("empty").hidden = latest.messages.length > 0;
  drawState(latest.state);
}

// Tells a screen reader of statuses that changed.
function tellNews(messages) {
  const news = [];
  for (const { message_id: id, to, status } of messages) {
    if (lastStatus.has(id) && lastStatus.get(id) !== status) {
      news.push(`${to}: ${word(`status.${status}`)}`);
    }
    lastStatus.set(id, status);
  }
  if (news.length > 0) {
    byId("news").textContent = news.join(". ");
  }
}

async function refresh() {
  const [messages, books, notifications, state] = await Promise.all([
    ask(`/sandbox/messages?last=${SHOWN}`),
    ask(`/sandbox/a1/messages?last=${SHOWN}`),
    ask("/sandbox/notifications"),
    ask("/sandbox/state"),
    a1Settings.refresh(),
    ...faultPanels.map((panel) => panel.refresh()),
  ]);
  latest = { messages, books, notifications, state };
  tellNews(messages);
  draw();
}

async function keepRefreshing() {
  let away = false;
  for (;;) {
    try {
      await refresh();
      if (away) {
        complain(new Error(""));
      }
      away = false;
    } catch (problem) {
      away = true;
      complain(problem);
    }
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
}

byId("send").addEventListener("submit", async (event) => {
  event.preventDefault();
  const module = new FormData(event.target).get("module");
  try {
    await ask("/sandbox/send", "POST", { to: byId("to").value, text: byId("text").value, module });
    complain(new Error(""));
    await refresh();
  } catch (problem) {
    complain(problem);
  }
});

for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", async () => {
    byId("done").textContent = "…";
    try {
      await ask(button.dataset.action, "POST");
      byId("done").textContent = word("done");
      await refresh();
    } catch (problem) {
      byId("done").textContent = problem instanceof TypeError ? word("away") : problem.message;
    }
  });
}

byId("reset").addEventListener("click", async () => {
  try {
    await ask("/sandbox/reset", "POST");
    await ask("/sandbox/a1/reset", "POST");
    await refresh();
  } catch (problem) {
    complain(problem);
  }
});

function choose(chosen) {
  speak(chosen);
  count();
  foretell();
  draw();
  for (const link of document.querySelectorAll("[data-frame]")) {
    const url = new URL(link.href);
    url.searchParams.set("lang", language);
    link.href = url.href;
  }
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    localStorage.setItem("language", button.dataset.language);
    choose(button.dataset.language);
  });
}

byId("text").addEventListener("input", count);
byId("to").addEventListener("input", foretell);
byId("name").addEventListener("input", initials);
choose(localStorage.getItem("language") ?? "ru");
keepRefreshing();
