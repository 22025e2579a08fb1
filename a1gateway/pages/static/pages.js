/* The pages in Bitrix24's frame: their session, their height, what is live, charts. */
"use strict";

(() => {
  const HEADER = "X-A1-Session";
  const LOOK_EVERY = 4000;
  // Some time before the hour of a session is over.
  const RENEW_AFTER = 50 * 60000;
  const AGAIN = "X-A1-Again";
  const page = () => document.getElementById("page");
  const notice = () => document.getElementById("notice");
  let session = document.body.dataset.session;

  // The frame's height

  let height = 0;
  function fit() {
    // A page in a card's tab has the height of what is in it; the portal does not answer where it has its own.
    const dialog = document.querySelector("dialog[open]");
    const body = Math.ceil(document.body.getBoundingClientRect().height) + 24;
    const needed = Math.max(body, dialog ? dialog.scrollHeight + 64 : 0);
    if (Math.abs(needed - height) < 8) return;
    height = needed;
    portal.ask("resizeWindow", { width: "100%", height: Math.max(needed, 400) });
  }

  // What stands above the page: that something did not work

  let away = false;
  function show(line, scroll) {
    notice().replaceChildren(line);
    if (scroll) notice().scrollIntoView({ block: "nearest" });
  }

  function say(word, scroll) {
    const text = notice().dataset[word];
    // Said once, whatever is read aloud.
    if (notice().textContent === text) return;
    const line = document.createElement("p");
    line.className = "notice";
    line.textContent = text;
    show(line, scroll);
  }

  function gone(config) {
    if (!away) say("away", !quiet(config));
    away = true;
  }

  function back() {
    if (away) notice().replaceChildren();
    away = false;
  }

  function told(xhr) {
    // A server in front of the gateway has error pages of its own, which say nothing to whoever looks here.
    return new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("p.notice");
  }

  // The session

  let renewing = null;
  async function renew() {
    const auth = await portal.ask("refreshAuth");
    if (!auth || !auth.AUTH_ID) return false;
    const body = new URLSearchParams({ ...auth, language: document.documentElement.lang, DOMAIN: portal.domain });
    const response = await fetch("/bitrix24/session", { method: "POST", body });
    if (!response.ok) return false;
    session = (await response.json()).session;
    renewed = Date.now();
    document.body.dataset.session = session;
    return true;
  }

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers[HEADER] = session;
    event.detail.parameters.language = document.documentElement.lang;
  });

  let renewed = Date.now();
  document.addEventListener(
    "submit",
    (event) => {
      // A form that fetches a file.
      const { target: form, submitter } = event;
      const field = form.querySelector("input[type=hidden][name=session]");
      if (!field) return;
      field.value = session;
      if (Date.now() - renewed < RENEW_AFTER) return;
      // The window that opens could not ask the portal.
      event.preventDefault();
      event.stopPropagation();
      renew().then(
        (well) => (well ? form.requestSubmit(submitter) : say("over", true)),
        () => gone(null),
      );
    },
    true,
  );

  // What is typed anew is not known to be wrong any more.
  document.addEventListener("input", (event) => event.target.removeAttribute("aria-invalid"));

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (xhr.status < 400) {
      back();
      if (!quiet(requestConfig)) notice().replaceChildren();
      return;
    }
    event.detail.shouldSwap = false;
    const line = told(xhr);
    if (!line) {
      gone(requestConfig);
      return;
    }
    back();
    if (xhr.status === 401 && !requestConfig.headers[AGAIN]) askAgain(event.detail);
    else if (!quiet(requestConfig)) show(line, true);
  });

  for (const event of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(event, ({ detail }) => gone(detail.requestConfig));
  }

  async function askAgain({ requestConfig, target }) {
    const { elt, verb, path, formData } = requestConfig;
    const values = {};
    for (const name of new Set(formData.keys())) values[name] = formData.getAll(name);
    renewing = renewing || renew().finally(() => (renewing = null));
    let well;
    try {
      well = await renewing;
    } catch {
      gone(requestConfig);
      return;
    }
    if (well) request(verb, path, { source: elt.isConnected ? elt : document.body, target, values, headers: { [AGAIN]: "1" } });
    else say("over", !quiet(requestConfig));
  }

  function request(verb, path, how) {
    // What goes wrong has been said by then.
    return htmx.ajax(verb, path, how).catch(() => null);
  }

  function quiet(config) {
    return config && config.elt && config.elt.closest && config.elt.closest("[data-live]") === config.elt;
  }

  // Moving between pages

  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    if (target === page()) {
      const name = page().firstElementChild && page().firstElementChild.dataset.page;
      for (const item of document.querySelectorAll(".menu button")) {
        if (name && `${name}-`.startsWith(`${item.dataset.page}-`)) item.setAttribute("aria-current", "page");
        else item.removeAttribute("aria-current");
      }
      const title = page().querySelector("h1");
      if (title) document.title = title.textContent;
      // Whoever was in a field that is there still goes on in it.
      if (!page().contains(document.activeElement)) page().focus({ preventScroll: true });
    }
    const dialog = document.querySelector("#dialog dialog:not([open])");
    if (dialog) showDialog(dialog, event.detail.requestConfig.elt);
    draw(target);
    fit();
  });

  function showDialog(dialog, from) {
    dialog.showModal();
    fit();
    // The frame may be higher than what is seen of it: the dialog is where the visitor looks.
    const { top, height: size } = from.getBoundingClientRect();
    const lowest = window.innerHeight - dialog.offsetHeight - 16;
    dialog.style.top = `${window.scrollY + Math.max(16, Math.min(top + size / 2 - dialog.offsetHeight / 2, lowest))}px`;
    dialog.scrollIntoView({ block: "nearest" });
  }

  // Answers ask for these by their headers (HX-Trigger).
  document.addEventListener("close-dialog", () => {
    const dialog = document.querySelector("#dialog dialog");
    if (dialog) dialog.close();
  });
  document.addEventListener(
    "close",
    (event) => {
      if (event.target.parentElement && event.target.parentElement.id === "dialog") {
        event.target.remove();
        fit();
      }
    },
    true,
  );

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-speak], [data-close], [data-open-path], [data-fill]");
    if (!button) return;
    if (button.dataset.speak) speak(button.dataset.speak);
    else if (button.dataset.openPath) portal.ask("openPath", { path: button.dataset.openPath });
    else if (button.dataset.fill) fill(button);
    else button.closest("dialog").close();
  });

  // The second click of a double one is meant for what stood there at the first.
  document.addEventListener(
    "click",
    (event) => {
      if (event.detail < 2 || !event.target.closest("button[hx-post], form[hx-post] button, form[target=_blank] button")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );

  function fill(button) {
    const field = document.getElementById(button.dataset.fill);
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  function speak(language) {
    const first = page().firstElementChild;
    const shown = first && first.dataset.page ? first.dataset : page().dataset;
    const form = shown.again ? document.getElementById(shown.again) : null;
    const values = { speak: language, shell: "1", in_card: document.querySelector(".menu") ? "" : "1" };
    if (form) for (const [field, value] of new FormData(form).entries()) values[field] = value;
    for (const [key, value] of Object.entries(shown)) {
      if (key.startsWith("with")) values[key.slice(4).toLowerCase()] = value;
    }
    return request("POST", `/bitrix24/pages/${shown.page}`, { target: "body", swap: "innerHTML", values });
  }

  function kept(use) {
    try {
      return use(window.localStorage);
    } catch {
      // A browser that keeps nothing for a frame: the choice lasts as long as the page.
      return null;
    }
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    // Not by `autofocus`, which browsers deny to frames; and not before htmx knows the form that the field is in.
    const wanted = document.querySelector("[data-focus]");
    if (wanted) {
      wanted.removeAttribute("data-focus");
      wanted.focus({ preventScroll: true });
    }
    if (event.detail.target !== document.body) return;
    const { speak: language } = document.querySelector("[data-speak][aria-pressed=true]").dataset;
    document.documentElement.lang = language;
    kept((store) => store.setItem("language", language));
    draw(document.body);
    fit();
  });

  // What is live: a piece asks again while somebody can see it

  window.setInterval(() => {
    if (document.visibilityState !== "visible") return;
    if (away) look();
    if (document.querySelector("dialog[open]")) return;
    for (const piece of document.querySelectorAll("[data-live]")) htmx.trigger(piece, "look");
  }, LOOK_EVERY);

  async function look() {
    try {
      const answer = await fetch(document.querySelector("link[rel=stylesheet]").href, { cache: "no-store" });
      if (answer.ok) back();
    } catch {
      // Still away.
    }
  }

  // Charts: what a canvas shows stands as JSON in it (htmx takes scripts out of what it gets), and as a table behind it

  const drawn = new WeakMap();
  function draw(root) {
    if (!window.Chart || !root || !root.querySelectorAll) return;
    const style = window.getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    Chart.defaults.font.family = window.getComputedStyle(document.body).fontFamily;
    Chart.defaults.color = colour("quiet");
    Chart.defaults.animation = false;
    for (const canvas of root.querySelectorAll("canvas[data-chart]")) {
      if (drawn.has(canvas)) continue;
      const chart = JSON.parse(canvas.dataset.chart);
      for (const set of chart.data.datasets) set.backgroundColor = colour(set.backgroundColor);
      drawn.set(canvas, new Chart(canvas, chart));
    }
  }

  document.addEventListener("htmx:beforeCleanupElement", (event) => {
    const chart = drawn.get(event.target);
    if (chart) chart.destroy();
  });

  document.addEventListener("DOMContentLoaded", () => {
    // Until now nobody would have heard what is typed and pressed.
    document.body.inert = false;
    draw(document);
    fit();
    const chosen = kept((store) => store.getItem("language"));
    if (chosen && chosen !== document.documentElement.lang && document.querySelector(`[data-speak="${chosen}"]`)) speak(chosen);
  });
  if ("ResizeObserver" in window) new ResizeObserver(() => fit()).observe(document.body);
})();
