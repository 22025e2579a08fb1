'use strict';

const { written } = require('./identifiers');
const { between } = require('./chance');

const RECEIPT = 0x04;
const INTERMEDIATE = 0x20;
// message_state by the word in the text (SMPP 3.4, 5.2.28); a word that the standard does not have has none.
const STATES = {
  ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8,
};

/** Makes the receipts of what was accepted, in the form that the manner says. */
class Receipts {
  constructor(book, outbox, manner, random) {
    this.book = book;
    this.outbox = outbox;
    this.manner = manner;
    this.random = random;
    this.whole = new Map();
  }

  /** A part was accepted and is answered after so many milliseconds: its receipts, when it is its turn to have them. */
  of(submit, answered) {
    const how = this.manner().receipts;
    const bearer = this.bearer(submit, how.part);
    if (how.when === 'never' || bearer === null) {
      return;
    }
    let after = how.when === 'before_answer' ? 0 : answered + between(how.after, this.random);
    for (const word of this.words(bearer, how)) {
      for (let time = 0; time < how.times; time += 1) {
        const entry = this.book.deliver('receipt', bearer, word);
        this.outbox.put(this.composed(bearer, word, how), entry, how.when === 'held' ? null : after);
        after += how.gap * 1000;
      }
    }
  }

  /** A receipt for a message that nobody sent. */
  foreign(destination, source, serial) {
    const submit = {
      number: null, serial, identifier: written('uuid', `foreign ${serial}`), source, destination, source_ton: 5,
      source_npi: 0, destination_ton: 1, destination_npi: 1, text: '', user_message_reference: null, part: 1,
    };
    const how = { ...this.manner().receipts, identifiers: 'same', reference: 0, contradicting: false };
    this.outbox.put(this.composed(submit, 'DELIVRD', how), this.book.deliver('foreign', submit, 'DELIVRD'), 0);
  }

  /** The part whose receipts are due now that this one was accepted: itself, or one for the whole message, or none. */
  bearer(submit, part) {
    if (part === 'each' || submit.total === 1) {
      return submit;
    }
    const key = `${submit.destination} ${submit.reference} ${submit.total}`;
    const parts = this.whole.get(key) || new Map();
    this.whole.set(key, parts.set(submit.part, submit));
    if (parts.size < submit.total) {
      return null;
    }
    this.whole.delete(key);
    return parts.get(part === 'first' ? 1 : submit.total);
  }

  words(submit, how) {
    const ending = submit.destination.slice(-2);
    return how.outcomes[`${ending}/${submit.part}`] || how.outcomes[ending] || how.steps;
  }

  composed(submit, word, how) {
    const identifier = how.identifiers === 'same' ? submit.identifier : written(how.identifiers, submit.serial);
    const final = word !== 'ENROUTE' && word !== 'ACCEPTD';
    const options = {
      source_addr: submit.destination,
      source_addr_ton: submit.destination_ton,
      source_addr_npi: submit.destination_npi,
      destination_addr: submit.source,
      dest_addr_ton: submit.source_ton,
      dest_addr_npi: submit.source_npi,
      esm_class: final || submit.serial % 2 === 0 ? RECEIPT : INTERMEDIATE,
      short_message: how.text ? Buffer.from(this.text(submit, identifier, word, how), 'latin1') : Buffer.alloc(0),
    };
    if (how.tlvs) {
      options.receipted_message_id = identifier;
      if (word in STATES) {
        options.message_state = STATES[word];
      }
    }
    if (submit.user_message_reference !== null && this.random() < how.reference) {
      options.user_message_reference = submit.user_message_reference;
    }
    return options;
  }

  text(submit, identifier, word, how) {
    // What contradicts the TLVs speaks of the message before this one, and of another fate.
    const id = how.contradicting ? written('decimal', submit.serial - 1) : identifier;
    const stat = how.contradicting ? 'UNDELIV' : word;
    const date = new Date().toISOString().replace(/\D/g, '').slice(2, 12);
    const shown = (submit.text || '').slice(0, 20).replace(/[^\x20-\x7e]/g, '?');
    return `id:${id} sub:001 dlvrd:${word === 'DELIVRD' ? '001' : '000'} submit date:${date} done date:${date} `
      + `stat:${stat} err:000 text:${shown}`;
  }
}

module.exports = { Receipts };
