"use strict";

// The switches on the right: faults and settings of the two counterparts.

async function ask(url, method = "GET", body = undefined) {
  const answer = await fetch(url, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const value = await answer.json();
  if (!answer.ok) {
    throw new Error(value.code ? word(`problem.${value.code}`) : value.error ?? `HTTP ${answer.status}`);
  }
  return value;
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

class FaultPanel {
  constructor(section) {
    this.url = section.dataset.faults;
    this.place = section.querySelector(".faults");
    this.rows = new Map();
    section.querySelector("[data-clear]").addEventListener("click", () => this.send("", "DELETE"));
  }

  async send(query, method, body) {
    try {
      this.show(await ask(this.url + query, method, body));
    } catch (problem) {
      complain(problem);
    }
  }

  async refresh() {
    this.show(await ask(this.url));
  }

  show({ kinds, faults }) {
    for (const kind of kinds) {
      if (!this.rows.has(kind)) {
        this.rows.set(kind, this.row(kind));
      }
    }
    for (const [kind, row] of this.rows) {
      const standing = faults.find((fault) => fault.kind === kind);
      row.box.checked = standing !== undefined;
      row.left.textContent = standing?.times ? word("times.left", { times: standing.times }) : "";
    }
  }

  row(kind) {
    const id = `${this.url}-${kind}`;
    const box = make("input", { type: "checkbox", id });
    const label = make("label", { for: id, "data-t": kind }, word(kind));
    const left = make("span", { class: "left-times" });
    const times = make("select", { "data-label": "times", "aria-label": word("times") });
    for (const count of [0, 1, 3, 10]) {
      times.append(new Option(count ? `× ${count}` : "∞", String(count)));
    }
    const detail = this.detail(kind);
    const element = make("div", { class: "fault" }, box, label, left, ...(detail ? [detail] : []), times);
    this.place.append(element);
    const change = () => {
      if (!box.checked) {
        this.send(`?kind=${encodeURIComponent(kind)}`, "DELETE");
        return;
      }
      const fault = { kind, times: Number(times.value) || null };
      if (detail) {
        fault[detail.dataset.field] = Number(detail.value);
      }
      this.send("", "POST", fault);
    };
    box.addEventListener("change", change);
    times.addEventListener("change", () => box.checked && change());
    detail?.addEventListener("change", () => box.checked && change());
    return { box, left };
  }

  detail(kind) {
    if (kind === "error") {
      const select = make("select", { "data-field": "code", "data-label": "code", "aria-label": word("code") });
      for (let code = 1; code <= 16; code += 1) {
        select.append(new Option(String(code)));
      }
      return select;
    }
    if (kind === "latency" || kind === "slow") {
      return make("input", {
        type: "number", min: "0", max: "600", value: "5", "data-field": "seconds",
        "data-label": "seconds", "aria-label": word("seconds"),
      });
    }
    return null;
  }
}

class SettingSwitches {
  constructor(section, url) {
    this.url = url;
    this.boxes = [...section.querySelectorAll("[data-setting]")];
    for (const box of this.boxes) {
      box.addEventListener("change", async () => {
        try {
          this.show(await ask(this.url, "POST", { [box.dataset.setting]: box.checked }));
        } catch (problem) {
          complain(problem);
        }
      });
    }
  }

  async refresh() {
    this.show(await ask(this.url));
  }

  show(settings) {
    for (const box of this.boxes) {
      box.checked = settings[box.dataset.setting];
    }
  }
}
