'use strict';

const smpp = require('smpp');
const { now } = require('./book');
const { between } = require('./chance');

const TRANSMITS = ['bind_transmitter', 'bind_transceiver'];
const RECEIVES = ['bind_receiver', 'bind_transceiver'];

/** One connection from the gateway, over node-smpp's session. */
class Session {
  constructor(centre, session) {
    this.centre = centre;
    this.session = session;
    this.entry = centre.book.opened();
    this.undelivered = new Set();
    this.over = false;
    this.closing = null;
    // Nothing may follow half an answer.
    this.silent = false;
    session.on('pdu', (pdu) => this.received(pdu));
    session.on('error', (error) => this.end(`error ${error.code || error.message}`));
    session.on('close', () => this.end(this.closing || 'closed by the gateway'));
    const { enquire_every: every } = centre.manner;
    this.enquiring = every > 0 ? setInterval(() => this.enquire(), every * 1000) : null;
  }

  get bound() {
    return this.entry.bound_at !== null && !this.over && !this.silent;
  }

  get transmits() {
    return this.bound && TRANSMITS.includes(this.entry.asked);
  }

  get receives() {
    return this.bound && RECEIVES.includes(this.entry.asked);
  }

  /** The session is over; why is said once. */
  end(why) {
    if (this.over) {
      return;
    }
    this.over = true;
    this.entry.ended_at = now();
    this.entry.ended_by = why;
    clearInterval(this.enquiring);
    this.session.destroy();
    this.centre.ended(this);
  }

  /** End it from this side: `reset` sends no FIN, `close` does, `unbind` says so first. */
  cut(how) {
    if (how === 'unbind') {
      const close = () => this.end('unbound by the centre');
      setTimeout(close, 1000);
      this.session.unbind(close);
    } else if (how === 'close') {
      this.closing = 'closed by the centre';
      this.session.close();
    } else {
      this.session.socket.resetAndDestroy();
      this.end('reset by the centre');
    }
  }

  enquire() {
    if (this.bound) {
      this.entry.enquiries_sent += 1;
      this.session.enquire_link(() => {
        this.entry.enquiries_answered += 1;
      });
    }
  }

  deliver(options, answered) {
    this.session.deliver_sm({ ...options }, answered);
  }

  received(pdu) {
    if (this.over || this.silent || pdu.isResponse()) {
      return;
    }
    if (pdu.command === 'enquire_link') {
      this.entry.enquiries_received += 1;
    }
    if (this.centre.manner.ignored.includes(pdu.command)) {
      return;
    }
    switch (pdu.command) {
      case 'bind_transceiver':
      case 'bind_transmitter':
      case 'bind_receiver':
        this.bind(pdu);
        break;
      case 'submit_sm':
        this.submit(pdu);
        break;
      case 'query_sm':
        this.query(pdu);
        break;
      case 'unbind':
        this.session.send(pdu.response(), () => this.end('unbound by the gateway'));
        break;
      case 'enquire_link':
        this.session.send(pdu.response());
        break;
      default:
        this.centre.book.faults.push(`session ${this.entry.number}: ${pdu.command}`);
        this.session.send(pdu.response());
    }
  }

  bind(pdu) {
    this.entry.asked = pdu.command;
    this.entry.system_id = pdu.system_id;
    this.entry.system_type = pdu.system_type;
    this.entry.interface_version = pdu.interface_version;
    const status = this.bindStatus(pdu);
    this.entry.bind_status = status;
    if (status !== smpp.ESME_ROK) {
      this.session.send(pdu.response({ command_status: status }), () => this.end('bind refused'));
      return;
    }
    this.entry.bound_at = now();
    this.session.send(pdu.response({ system_id: 'CENTRE', sc_interface_version: 0x34 }));
    this.centre.outbox.pump();
  }

  bindStatus(pdu) {
    const { accounts, bind_status: forced } = this.centre.manner;
    if (forced !== 0) {
      return forced;
    }
    if (this.bound) {
      return smpp.ESME_RALYBND;
    }
    if (!(pdu.system_id in accounts)) {
      return smpp.ESME_RINVSYSID;
    }
    return accounts[pdu.system_id] === pdu.password ? smpp.ESME_ROK : smpp.ESME_RINVPASWD;
  }

  submit(pdu) {
    const status = this.transmits ? this.centre.refusal(pdu) : smpp.ESME_RINVBNDSTS;
    if (status !== smpp.ESME_ROK) {
      this.centre.book.turned_away(this.entry, pdu, status);
      this.session.send(pdu.response({ command_status: status }));
      return;
    }
    const cut = this.centre.cuts === null ? null : this.centre.cuts.next();
    if (cut === 'before') {
      this.end('cut: before');
      return;
    }
    const submit = this.centre.accept(this.entry, pdu);
    const response = pdu.response({ message_id: submit.identifier });
    if (cut !== null) {
      this.centre.receipts.of(submit, 0);
      this.cutAt(cut, submit, response);
      return;
    }
    const after = between(this.centre.manner.answer_after, this.centre.random);
    this.centre.receipts.of(submit, after);
    if (after > 0) {
      setTimeout(() => this.answer(submit, response), after);
    } else {
      this.answer(submit, response);
    }
  }

  answer(submit, response) {
    if (this.over || this.silent) {
      return;
    }
    submit.answered_at = now();
    this.session.send(response);
  }

  cutAt(kind, submit, response) {
    if (kind === 'after') {
      this.end('cut: after');
    } else if (kind === 'half') {
      const octets = response.toBuffer();
      this.silent = true;
      this.session.socket.write(octets.subarray(0, octets.length >> 1), () => this.end('cut: half'));
    } else if (kind === 'answered') {
      submit.answered_at = now();
      this.session.send(response, () => this.end('cut: answered'));
    } else {
      this.answer(submit, response);
      const close = () => this.end('cut: unbind');
      setTimeout(close, 1000);
      this.session.unbind(close);
    }
  }

  query(pdu) {
    const submit = this.centre.book.submits.find((each) => each.identifier === pdu.message_id);
    this.centre.book.queries.push({ at: now(), identifier: pdu.message_id, found: submit !== undefined });
    const { query } = this.centre.manner;
    if (query === null) {
      this.session.send(pdu.response({ command_status: smpp.ESME_RINVCMDID }));
    } else if (submit === undefined) {
      this.session.send(pdu.response({ command_status: smpp.ESME_RQUERYFAIL }));
    } else {
      this.session.send(pdu.response({ message_id: pdu.message_id, message_state: query }));
    }
  }
}

module.exports = { Session };
