'use strict';

const smpp = require('smpp');

// What fits: alone, or beside the six octets that say which part of which message it is.
const ROOM = { ASCII: { alone: 160, part: 153 }, UCS2: { alone: 140, part: 134 } };

/** A subscriber's text as the fields of the deliver_sm that bring it, written by node-smpp. */
function composed({ from, to, text, coding, reference }) {
  const room = ROOM[coding];
  const encoded = [...text].map((character) => smpp.encodings[coding].encode(character));
  const whole = Buffer.concat(encoded);
  const address = {
    source_addr: from, source_addr_ton: 1, source_addr_npi: 1, destination_addr: to, dest_addr_ton: 5,
    data_coding: smpp.consts.ENCODING[coding] === 1 ? 0 : smpp.consts.ENCODING[coding],
  };
  if (whole.length <= room.alone) {
    return [{ ...address, short_message: whole }];
  }
  const parts = [[]];
  let length = 0;
  for (const character of encoded) {
    if (length + character.length > room.part) {
      parts.push([]);
      length = 0;
    }
    parts[parts.length - 1].push(character);
    length += character.length;
  }
  return parts.map((part, index) => ({
    ...address,
    esm_class: smpp.consts.ESM_CLASS.UDH_INDICATOR,
    short_message: {
      udh: Buffer.from([0x05, 0x00, 0x03, reference, parts.length, index + 1]), message: Buffer.concat(part),
    },
  }));
}

module.exports = { composed };
