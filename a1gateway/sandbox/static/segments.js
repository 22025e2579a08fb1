"use strict";

// Alphabet and parts of a text, by GSM 03.38: the same count that the gateway and A1 make.
const segmentCount = (() => {
  const basic = new Set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
  );
  const extension = new Set("\f^{}\\[~]|€");

  return (text) => {
    const characters = Array.from(text);
    const gsm = characters.every((character) => basic.has(character) || extension.has(character));
    const cost = gsm
      ? (character) => (extension.has(character) ? 2 : 1)
      : (character) => character.length;
    const alone = gsm ? 160 : 70;
    const inParts = gsm ? 153 : 67;
    const units = characters.reduce((sum, character) => sum + cost(character), 0);
    if (units <= alone) {
      return { gsm, units, parts: 1, room: alone - units };
    }
    let parts = 1;
    let used = 0;
    for (const character of characters) {
      if (used + cost(character) > inParts) {
        parts += 1;
        used = 0;
      }
      used += cost(character);
    }
    return { gsm, units, parts, room: inParts - used };
  };
})();
