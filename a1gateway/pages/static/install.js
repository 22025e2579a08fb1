/* Ends the installation: the portal then loads its page anew, with the application in the frame.
 *
 * The command is `setInstallFinish`, which the portal takes from administrators and does not answer; b24jssdk sends it
 * only where `getInitData` says that the portal is installing (packages/jssdk/src/frame/b24.ts).
 */
"use strict";

(async () => {
  const PATIENCE = 5000;
  const end = document.getElementById("end");
  const say = (text) => {
    end.textContent = text;
    end.classList.add("notice");
  };

  const told = await portal.ask("getInitData", null, PATIENCE);
  if (told && !told.INSTALL) {
    say(end.dataset.over);
    return;
  }
  // A portal that has not answered may yet have heard.
  await portal.ask("setInstallFinish", null, PATIENCE);
  say(end.dataset.stuck);
})();
