'use strict';

const { now } = require('./book');

// How many deliver_sm may wait for their answers on one session.
const WINDOW = 20;
// How long after a refusal the same is offered again, in milliseconds.
const AGAIN = 300;

/**
 * What has to be delivered to the other side: each deliver_sm goes out until it is answered with ESME_ROK, in the
 * order in which they became due, over any session that receives. One whose session ended before the answer goes first
 * over the next session, as centres do.
 */
class Outbox {
  constructor(sessions) {
    this.sessions = sessions;
    this.ready = [];
    this.held = [];
  }

  /** Put a deliver_sm in: `options` are its fields, `entry` its line in the book; after milliseconds, null: held. */
  put(options, entry, after) {
    const item = { options, entry };
    if (after === null) {
      this.held.push(item);
    } else if (after <= 0) {
      this.ready.push(item);
      this.pump();
    } else {
      setTimeout(() => this.put(options, entry, 0), after);
    }
  }

  /** Let those that were held go, or the first so many of them. */
  release(count) {
    const held = this.held.splice(0, count === null ? this.held.length : count);
    held.forEach((item) => this.put(item.options, item.entry, 0));
  }

  /** Send what can be sent now. */
  pump() {
    while (this.ready.length > 0) {
      const session = this.sessions.filter((each) => each.receives && each.undelivered.size < WINDOW)
        .sort((one, other) => one.undelivered.size - other.undelivered.size)[0];
      if (session === undefined) {
        return;
      }
      this.send(session, this.ready.shift());
    }
  }

  send(session, item) {
    item.entry.sent += 1;
    item.entry.sent_at = now();
    item.entry.session = session.entry.number;
    session.undelivered.add(item);
    session.deliver(item.options, (response) => this.answered(session, item, response));
  }

  answered(session, item, response) {
    if (!session.undelivered.delete(item)) {
      return;
    }
    item.entry.status = response.command_status;
    if (response.command_status === 0 && response.command === 'deliver_sm_resp') {
      item.entry.answered_at = now();
    } else {
      setTimeout(() => this.put(item.options, item.entry, 0), AGAIN);
    }
    this.pump();
  }

  /** A session has ended: what it did not answer waits for the next. */
  ended(session) {
    this.ready.unshift(...session.undelivered);
    session.undelivered.clear();
    this.pump();
  }
}

module.exports = { Outbox };
