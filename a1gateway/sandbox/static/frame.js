"use strict";

// The page around the application's frame: posts the form into it, and answers what the frame asks, as Bitrix24's
// applayout.js does. Whatever comes from another origin or for another rendering gets no answer, nor does a command
// that is unknown or denied.

const layout = document.getElementById("layout");
const frame = document.getElementById("frame");
const note = document.getElementById("note");
const opening = JSON.parse(layout.dataset.opening);

// For tests: the commands that came from the application, in order.
window.sandboxFrame = { asked: [] };

async function postToSandbox(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) {
    throw new Error(`HTTP ${answer.status}`);
  }
  return answer.json();
}

async function finishInstallation(value) {
  if (value !== false) {
    await postToSandbox("/sandbox/install-finish", {});
  }
  window.location = `/sandbox/app?${opening.query}&install_finished=Y`;
}

const CARD_PATH = /^\/crm\/(lead|deal|contact|company)\/details\/(\d+)\//;
const OPEN_PATH = /^\/(crm\/(deal|lead|contact|company|type)|marketplace|company\/personal\/user\/\d+|workgroups\/group\/\d+)\//;

const COMMANDS = {
  getInitData(params, answer) {
    answer(opening.init);
  },

  async refreshAuth(params, answer) {
    const fresh = await postToSandbox("/sandbox/app/refresh", { sid: opening.sid });
    Object.assign(opening.init, {
      AUTH_ID: fresh.access_token,
      AUTH_EXPIRES: fresh.expires_in,
      REFRESH_ID: fresh.refresh_token,
    });
    const { AUTH_ID, AUTH_EXPIRES, REFRESH_ID } = opening.init;
    answer({ AUTH_ID, AUTH_EXPIRES, REFRESH_ID });
  },

  resizeWindow(params, answer) {
    layout.style.width = params.width === "100%" ? "100%" : `${parseInt(params.width, 10) || 100}px`;
    const height = parseInt(params.height, 10);
    if (height > 0) {
      layout.style.height = `${height}px`;
    }
    answer({ width: layout.offsetWidth, height: layout.offsetHeight });
  },

  setTitle(params, answer) {
    document.getElementById("pagetitle").textContent = params.title;
    answer(params);
  },

  setScroll(params, answer) {
    if (params.scroll >= 0) {
      window.scrollTo(window.scrollX, parseInt(params.scroll, 10));
    }
    answer(params);
  },

  reloadWindow() {
    window.location.reload();
  },

  setInstall(params, answer) {
    answer(params);
  },

  setInstallFinish(params) {
    return finishInstallation(params.value);
  },

  openPath(params, answer) {
    const path = String(params.path ?? "");
    if (!OPEN_PATH.test(path)) {
      answer({ result: "error", errorCode: "PATH_NOT_AVAILABLE" });
      return;
    }
    // A panel over the page; here it is a link below it.
    const [, kind, id] = path.match(CARD_PATH) ?? [];
    const link = document.createElement("a");
    link.href = kind ? `/sandbox/card/${kind}/${id}?${opening.query}` : "#";
    link.textContent = path;
    note.replaceChildren(`${note.dataset.opens} `, link);
    answer({ result: "close" });
  },
};

// A command is `name:parameters:callback:sid`; the parameters are JSON, and may be left out with or without their colon.
function read(data) {
  if (typeof data !== "string") {
    return null;
  }
  const pieces = data.split(":");
  const sid = pieces.pop();
  const callback = pieces.pop();
  const [name, ...parameters] = pieces;
  try {
    return { name, callback, sid, params: parameters.join(":") ? JSON.parse(parameters.join(":")) : [] };
  } catch {
    return null;
  }
}

window.addEventListener("message", async (event) => {
  const command = event.origin === opening.origin ? read(event.data) : null;
  if (command === null || command.sid !== opening.sid) {
    return;
  }
  window.sandboxFrame.asked.push(command.name);
  if (!Object.hasOwn(COMMANDS, command.name) || opening.denied.includes(command.name)) {
    return;
  }
  const answer = (value) => {
    if (command.callback) {
      frame.contentWindow.postMessage(`${command.callback}:${JSON.stringify(value)}`, opening.origin);
    }
  };
  try {
    await COMMANDS[command.name](command.params, answer);
  } catch {
    note.textContent = note.dataset.unanswered;
  }
});

frame.addEventListener("load", () => {
  document.getElementById("loading").hidden = true;
});

document.getElementById("finish")?.addEventListener("click", () => finishInstallation(true));
document.getElementById("form").submit();
