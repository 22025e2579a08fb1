'use strict';

const smpp = require('smpp');

/** Seconds since the epoch. */
function now() {
  return Date.now() / 1000;
}

/** Which part of which message a submit_sm is, by its user data header or its sar_ TLVs. */
function concatenation(pdu) {
  for (const element of pdu.short_message.udh || []) {
    if (element[0] === 0x00 && element.length === 5) {
      return { reference: element[2], total: element[3], part: element[4] };
    }
    if (element[0] === 0x08 && element.length === 6) {
      return { reference: element.readUInt16BE(2), total: element[4], part: element[5] };
    }
  }
  if (pdu.sar_total_segments !== undefined) {
    return {
      reference: pdu.sar_msg_ref_num, total: pdu.sar_total_segments, part: pdu.sar_segment_seqnum,
    };
  }
  return { reference: null, total: 1, part: 1 };
}

/** The text as node-smpp reads it, and how many octets it and the header before it take by node-smpp's own writer. */
function content(pdu) {
  const { message, udh } = pdu.short_message;
  const header = (udh || []).reduce((sum, element) => sum + element.length, udh ? 1 : 0);
  if (typeof message !== 'string') {
    return { text: null, header_octets: header, text_octets: message.length };
  }
  const encoding = pdu.data_coding === smpp.consts.ENCODING.UCS2 ? 'UCS2' : 'ASCII';
  return {
    text: message, header_octets: header, text_octets: smpp.encodings[encoding].encode(message).length,
  };
}

/** Everything that has happened, in order, as the tests read it. */
class Book {
  constructor() {
    this.sessions = [];
    this.submits = [];
    this.refused = [];
    this.receipts = [];
    this.queries = [];
    this.faults = [];
  }

  opened() {
    const session = {
      number: this.sessions.length + 1,
      opened_at: now(),
      asked: null,
      system_id: null,
      system_type: null,
      interface_version: null,
      bind_status: null,
      bound_at: null,
      ended_at: null,
      ended_by: null,
      enquiries_received: 0,
      enquiries_sent: 0,
      enquiries_answered: 0,
    };
    this.sessions.push(session);
    return session;
  }

  /** A submit_sm that was taken; `answered_at` is set once the answer is with the operating system. */
  accepted(session, pdu, identifier, serial) {
    const submit = {
      number: this.submits.length + 1,
      session: session.number,
      at: now(),
      sequence: pdu.sequence_number,
      serial,
      identifier,
      source: pdu.source_addr,
      source_ton: pdu.source_addr_ton,
      source_npi: pdu.source_addr_npi,
      destination: pdu.destination_addr,
      destination_ton: pdu.dest_addr_ton,
      destination_npi: pdu.dest_addr_npi,
      esm_class: pdu.esm_class,
      data_coding: pdu.data_coding,
      registered_delivery: pdu.registered_delivery,
      user_message_reference: pdu.user_message_reference === undefined ? null : pdu.user_message_reference,
      ...content(pdu),
      ...concatenation(pdu),
      answered_at: null,
    };
    this.submits.push(submit);
    return submit;
  }

  turned_away(session, pdu, status) {
    this.refused.push({
      session: session.number, at: now(), destination: pdu.destination_addr, text: content(pdu).text, status,
    });
  }

  /** A deliver_sm that is due; `sent` counts how often it went out, `status` is that of its deliver_sm_resp. */
  deliver(kind, submit, word) {
    const receipt = {
      number: this.receipts.length + 1,
      kind,
      submit: submit === null ? null : submit.number,
      word,
      made_at: now(),
      sent: 0,
      sent_at: null,
      session: null,
      status: null,
      answered_at: null,
    };
    this.receipts.push(receipt);
    return receipt;
  }

  counts() {
    return {
      bound: this.sessions.filter((each) => each.bound_at !== null && each.ended_at === null).length,
      sessions: this.sessions.length,
      submits: this.submits.length,
      refused: this.refused.length,
      receipts: this.receipts.length,
      receipts_answered: this.receipts.filter((each) => each.answered_at !== null).length,
      queries: this.queries.length,
    };
  }
}

module.exports = { Book, now };
