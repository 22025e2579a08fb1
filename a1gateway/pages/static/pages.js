/* The pages in Bitrix24's frame: their session, their height, what is live, charts. */
"use strict";

(() => {
  const HEADER = "X-A1-Session";
  const LOOK_EVERY = 4000;
  const page = () => document.getElementById("page");
  const notice = () => document.getElementById("notice");
  let session = document.body.dataset.session;
  const words = JSON.parse(document.body.dataset.words);

  // The frame's height

  let height = 0;
  function fit() {
    // A page in a card's tab has the height of what is in it; the portal does not answer where it has its own.
    const needed = Math.ceil(document.body.getBoundingClientRect().height) + 24;
    if (Math.abs(needed - height) < 8) return;
    height = needed;
    portal.ask("resizeWindow", { width: "100%", height: Math.max(needed, 400) });
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
    document.body.dataset.session = session;
    document.body.setAttribute("hx-headers", JSON.stringify({ [HEADER]: session }));
    for (const field of document.querySelectorAll("input[name=session]")) field.value = session;
    return true;
  }

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers[HEADER] = session;
    event.detail.parameters.language = document.documentElement.lang;
  });

  document.addEventListener(
    "submit",
    (event) => {
      // A form that fetches a file.
      const field = event.target.querySelector("input[type=hidden][name=session]");
      if (field) field.value = session;
    },
    true,
  );

  // What is typed anew is not known to be wrong any more.
  document.addEventListener("input", (event) => event.target.removeAttribute("aria-invalid"));

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status < 400) {
      if (!quiet(event.detail.requestConfig)) notice().replaceChildren();
      return;
    }
    event.detail.shouldSwap = false;
    if (xhr.status === 401 && !event.detail.requestConfig.again) {
      const { elt, verb, path, target, unfilteredParameters } = again(event.detail);
      renewing = renewing || renew().finally(() => (renewing = null));
      renewing.then((well) => {
        if (!well) return say(words.over);
        const values = { ...unfilteredParameters };
        htmx.ajax(verb, path, { source: elt.isConnected ? elt : document.body, target, values });
      });
      return;
    }
    if (quiet(event.detail.requestConfig)) return;
    if ((xhr.getResponseHeader("content-type") || "").startsWith("text/html")) {
      notice().innerHTML = xhr.responseText;
      notice().scrollIntoView({ block: "nearest" });
    } else {
      say(words.away);
    }
  });

  document.addEventListener("htmx:sendError", (event) => {
    if (!quiet(event.detail.requestConfig)) say(words.away);
  });

  function again(detail) {
    const config = detail.requestConfig;
    const parameters = {};
    for (const [name, value] of config.formData ? config.formData.entries() : Object.entries(config.parameters)) {
      parameters[name] = name in parameters ? [].concat(parameters[name], value) : value;
    }
    return { elt: config.elt, verb: config.verb, path: config.path, target: detail.target, unfilteredParameters: parameters };
  }

  function quiet(config) {
    return config && config.elt && config.elt.closest && config.elt.closest("[data-live]") === config.elt;
  }

  function say(text) {
    const line = document.createElement("p");
    line.className = "notice";
    line.textContent = text;
    notice().replaceChildren(line);
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
      if (event.detail.requestConfig.elt !== document.body) page().focus({ preventScroll: true });
    }
    // Not by `autofocus`, which browsers deny to frames.
    const wanted = document.querySelector("[data-focus]");
    if (wanted) {
      wanted.removeAttribute("data-focus");
      wanted.focus();
    }
    const dialog = document.querySelector("#dialog dialog:not([open])");
    if (dialog) dialog.showModal();
    draw(target);
    fit();
  });

  // Answers ask for these by their headers (HX-Trigger).
  document.addEventListener("close-dialog", () => {
    const dialog = document.querySelector("#dialog dialog");
    if (dialog) dialog.close();
  });
  document.addEventListener(
    "close",
    (event) => {
      if (event.target.parentElement && event.target.parentElement.id === "dialog") event.target.remove();
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

  function fill(button) {
    const field = document.getElementById(button.dataset.fill);
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  async function speak(language) {
    document.documentElement.lang = language;
    try {
      window.localStorage.setItem("language", language);
    } catch {
      // A browser that keeps nothing for a frame: the choice lasts as long as the page.
    }
    const first = page().firstElementChild;
    const form = first && first.dataset.again ? document.getElementById(first.dataset.again) : null;
    const name = (first && first.dataset.page) || "journal";
    const values = { speak: language, shell: "1", in_card: document.querySelector(".menu") ? "" : "1" };
    if (form) for (const [field, value] of new FormData(form).entries()) values[field] = value;
    for (const [key, value] of Object.entries((first && first.dataset) || {})) {
      if (key.startsWith("with")) values[key.slice(4).toLowerCase()] = value;
    }
    await htmx.ajax("POST", `/bitrix24/pages/${name}`, { target: "body", swap: "innerHTML", values });
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target === document.body) {
      draw(document.body);
      fit();
    }
  });

  // What is live: a piece asks again while somebody can see it

  window.setInterval(() => {
    if (document.visibilityState !== "visible" || document.querySelector("dialog[open]")) return;
    for (const piece of document.querySelectorAll("[data-live]")) htmx.trigger(piece, "look");
  }, LOOK_EVERY);

  // Charts: what a canvas shows stands as JSON beside it, and as a table behind it

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
      const chart = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
      for (const set of chart.data.datasets) {
        for (const key of ["backgroundColor", "borderColor"]) {
          if (Array.isArray(set[key])) set[key] = set[key].map((each) => colour(each) || each);
          else if (set[key]) set[key] = colour(set[key]) || set[key];
        }
      }
      drawn.set(canvas, new Chart(canvas, chart));
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    draw(document);
    fit();
    let chosen = null;
    try {
      chosen = window.localStorage.getItem("language");
    } catch {
      chosen = null;
    }
    if (chosen && chosen !== document.documentElement.lang && document.querySelector(`[data-speak="${chosen}"]`)) speak(chosen);
  });
  if ("ResizeObserver" in window) new ResizeObserver(() => fit()).observe(document.body);
})();
