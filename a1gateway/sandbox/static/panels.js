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

// Statuses that an SMSC gives (SMPP 3.4, 5.1.3).
const BIND_STATUSES = { RBINDFAIL: 13, RINVPASWD: 14, RINVSYSID: 15, RALYBND: 5 };
const SUBMIT_STATUSES = {
  RTHROTTLED: 88, RMSGQFUL: 20, RSYSERR: 8, RX_T_APPN: 100,
  RX_P_APPN: 101, RX_R_APPN: 102, RINVDSTADR: 11, RINVSRCADR: 10,
};
const CHANCES = { "100 %": 1, "10 %": 0.1, "1 %": 0.01 };
const TIMED = ["latency", "slow", "late_response", "receipt_late", "disconnect"];

class FaultPanel {
  constructor(section) {
    this.url = section.dataset.faults;
    this.section = section;
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

  show({ groups, faults }) {
    for (const [group, kinds] of Object.entries(groups)) {
      const place = this.section.querySelector(`[data-group="${group}"]`);
      for (const kind of kinds) {
        if (!this.rows.has(kind)) {
          this.rows.set(kind, this.row(kind, place));
        }
      }
    }
    for (const [kind, row] of this.rows) {
      const standing = faults.find((fault) => fault.kind === kind);
      row.box.checked = standing !== undefined;
      row.left.textContent = standing?.times ? word("times.left", { times: standing.times }) : "";
    }
  }

  row(kind, place) {
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
    place.append(element);
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
      const codes = Array.from({ length: 16 }, (_, index) => index + 1);
      return this.choice("code", Object.fromEntries(codes.map((code) => [code, code])));
    }
    if (kind === "bind_refused" || kind === "refused") {
      return this.choice("status", kind === "refused" ? SUBMIT_STATUSES : BIND_STATUSES);
    }
    if (kind === "cut_before_accept" || kind === "cut_after_accept") {
      return this.choice("probability", CHANCES);
    }
    if (TIMED.includes(kind)) {
      return make("input", {
        type: "number", min: "0", max: "600", value: "5", "data-field": "seconds",
        "data-label": "seconds", "aria-label": word("seconds"),
      });
    }
    return null;
  }

  choice(field, values) {
    const select = make("select", { "data-field": field, "data-label": field, "aria-label": word(field) });
    for (const [name, value] of Object.entries(values)) {
      select.append(new Option(name, String(value)));
    }
    return select;
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
