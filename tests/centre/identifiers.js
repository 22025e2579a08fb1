'use strict';

const { createHash } = require('crypto');

function digest(serial) {
  return createHash('sha256').update(String(serial)).digest('hex');
}

/** How a centre may write the number of a message, in its answer and in its receipts. */
const FORMS = {
  decimal: (serial) => String(serial),
  hexadecimal: (serial) => serial.toString(16),
  capitals: (serial) => serial.toString(16).toUpperCase(),
  zeros: (serial) => String(serial).padStart(18, '0'),
  hexadecimal_zeros_capitals: (serial) => serial.toString(16).toUpperCase().padStart(16, '0'),
  uuid: (serial) => digest(serial).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5'),
  uuid_capitals: (serial) => FORMS.uuid(serial).toUpperCase(),
  // As long as a message_id may be, and no number in any way.
  long: (serial) => `A1.by/${digest(serial)}`.slice(0, 64),
  // Every second one is the one before it, read as hexadecimal: whoever converts first takes one for the other.
  twins: (serial) => (serial % 2 === 0 ? String(serial) : String(parseInt(String(serial - 1), 16))),
};

function written(form, serial) {
  return FORMS[form](serial);
}

module.exports = { written };
