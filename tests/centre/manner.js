'use strict';

/**
 * What the centre is told of how to behave. The Python side (`centre.py`, class `Manner`) says what each value means
 * and sends all of them at once; here only the names are checked, so that a slip on either side is noticed.
 */
const NAMES = [
  'accounts', 'bind_status', 'serials_from', 'identifiers', 'answer_after', 'refusals', 'throttle', 'ignored',
  'enquire_every', 'query', 'receipts',
];
const RECEIPT_NAMES = [
  'when', 'after', 'gap', 'identifiers', 'part', 'steps', 'outcomes', 'times', 'tlvs', 'text', 'contradicting',
  'reference',
];

function checked(given) {
  same(Object.keys(given), NAMES);
  same(Object.keys(given.receipts), RECEIPT_NAMES);
  return given;
}

function same(given, known) {
  const wrong = [
    ...given.filter((name) => !known.includes(name)).map((name) => `unknown: ${name}`),
    ...known.filter((name) => !given.includes(name)).map((name) => `missing: ${name}`),
  ];
  if (wrong.length > 0) {
    throw new Error(wrong.join(', '));
  }
}

module.exports = { checked };
