/* The portal around the frame, spoken to as its own page understands it: parent.postMessage("command:params:callback:sid"),
 * answered by "callback:JSON", or not at all where something is not allowed.
 *
 * Sources: avshatalov48/bitrix-core-business, modules/rest/install/js/rest/applayout.js, which is the portal's own side;
 * bitrix24/b24jssdk, packages/jssdk/src/frame/ (frame.ts, auth.ts, message/controller.ts).
 */
"use strict";

const portal = (() => {
  const PATIENCE = 10000;
  // The name of the frame tells where the portal is, and which rendering of its page this is.
  const [domain, protocol, sid] = window.name.split("|");
  const origin = domain && sid ? `${protocol === "1" ? "https" : "http"}://${domain.replace(/:(80|443)$/, "")}` : null;
  const waiting = new Map();
  let asked = 0;

  window.addEventListener("message", (event) => {
    if (event.origin !== origin || typeof event.data !== "string") return;
    const [callback, ...rest] = event.data.split(":");
    const resolve = waiting.get(callback);
    if (!resolve) return;
    waiting.delete(callback);
    const text = rest.join(":");
    try {
      resolve(text ? JSON.parse(text) : null);
    } catch {
      resolve(null);
    }
  });

  /** What the portal answers to a command; null when nothing comes within `patience` milliseconds. */
  function ask(command, params, patience = PATIENCE) {
    if (!origin || window.parent === window) return Promise.resolve(null);
    const callback = `a1-${(asked += 1)}`;
    const text = [command, params ? JSON.stringify(params) : "", callback, sid].filter(Boolean).join(":");
    return new Promise((resolve) => {
      waiting.set(callback, resolve);
      window.setTimeout(() => waiting.delete(callback) && resolve(null), patience);
      window.parent.postMessage(text, origin);
    });
  }

  return { domain, ask };
})();
