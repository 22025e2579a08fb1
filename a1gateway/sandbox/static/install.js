"use strict";

document.getElementById("finish").addEventListener("click", async () => {
  const done = document.getElementById("done");
  try {
    const answer = await fetch("/sandbox/install-finish", { method: "POST" });
    done.textContent = answer.ok ? "Установка завершена." : "Не удалось завершить установку.";
  } catch {
    done.textContent = "Песочница не отвечает.";
  }
});
