'use strict';

/**
 * An SMS centre on node-smpp, for tests of a program that sends through one. It writes one line of JSON once it
 * listens, `{"smpp": PORT, "control": PORT}`, and is steered by JSON over HTTP on the second port; `centre.py` is the
 * other end of that.
 *
 * Arguments: --manner JSON [--port N] [--key FILE --cert FILE]
 */

const fs = require('fs');
const http = require('http');
const smpp = require('smpp');
const { parseArgs } = require('util');
const { Book } = require('./book');
const { chance } = require('./chance');
const { Cuts } = require('./cuts');
const { written } = require('./identifiers');
const { checked } = require('./manner');
const { Outbox } = require('./outbox');
const { Receipts } = require('./receipts');
const { Session } = require('./session');
const { composed } = require('./subscriber');

const HOST = '127.0.0.1';

class Centre {
  constructor(manner, port, certificate) {
    this.manner = checked(manner);
    this.port = port;
    this.serial = manner.serials_from;
    this.random = chance(manner.serials_from);
    this.book = new Book();
    this.sessions = [];
    this.outbox = new Outbox(this.sessions);
    this.receipts = new Receipts(this.book, this.outbox, () => this.manner, this.random);
    this.cuts = null;
    this.taken = [];
    this.certificate = certificate;
    this.server = null;
  }

  /** Listen; the port stays the same for good. */
  open() {
    return new Promise((resolve, reject) => {
      this.server = smpp.createServer(this.certificate, (session) => {
        this.sessions.push(new Session(this, session));
      });
      this.server.on('error', reject);
      this.server.on('tlsClientError', (error) => this.book.faults.push(`tls: ${error.code}`));
      this.server.listen(this.port, HOST, () => {
        this.port = this.server.address().port;
        resolve();
      });
    });
  }

  /** Be gone: no connections, and none is taken. */
  shut() {
    this.server.close();
    this.cut('reset');
  }

  cut(how) {
    [...this.sessions].forEach((session) => session.cut(how));
  }

  ended(session) {
    this.sessions.splice(this.sessions.indexOf(session), 1);
    this.outbox.ended(session);
  }

  /** The status with which a submit_sm is turned away. */
  refusal(pdu) {
    const { refusals, throttle } = this.manner;
    const refusal = refusals.find((each) => pdu.destination_addr.endsWith(each.ending) && each.times !== 0);
    if (refusal !== undefined) {
      refusal.times -= 1;
      return refusal.status;
    }
    if (throttle > 0) {
      const moment = Date.now();
      this.taken = this.taken.filter((at) => at > moment - 1000);
      if (this.taken.length >= throttle) {
        return smpp.ESME_RTHROTTLED;
      }
      this.taken.push(moment);
    }
    return smpp.ESME_ROK;
  }

  accept(entry, pdu) {
    this.serial += 1;
    return this.book.accepted(entry, pdu, written(this.manner.identifiers, this.serial), this.serial);
  }
}

/** What can be asked of the centre: the path of a POST, and what is done with its JSON. */
function controls(centre) {
  return {
    '/book': () => centre.book,
    '/counts': () => centre.book.counts(),
    '/manner': (manner) => {
      if (manner.serials_from !== centre.manner.serials_from) {
        centre.serial = manner.serials_from;
      }
      centre.manner = checked(manner);
      return null;
    },
    '/cut': ({ how }) => centre.cut(how),
    '/cuts': (plan) => {
      centre.cuts = new Cuts(plan);
      return null;
    },
    '/cuts/made': () => (centre.cuts === null ? {} : centre.cuts.made),
    '/shut': () => centre.shut(),
    '/open': () => centre.open(),
    '/release': ({ count }) => centre.outbox.release(count),
    '/foreign': ({ count, from, to }) => {
      for (let each = 0; each < count; each += 1) {
        centre.serial += 1;
        centre.receipts.foreign(from, to, centre.serial);
      }
      return null;
    },
    '/subscriber': ({ backwards, ...message }) => {
      const parts = composed(message);
      (backwards ? parts.reverse() : parts).forEach((options) => {
        centre.outbox.put(options, centre.book.deliver('subscriber', null, null), 0);
      });
      return { parts: parts.length };
    },
  };
}

function answering(routes) {
  return http.createServer((request, response) => {
    const received = [];
    request.on('data', (piece) => received.push(piece));
    request.on('end', async () => {
      const answer = (status, content) => {
        response.writeHead(status, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(content === undefined ? null : content));
      };
      try {
        const asked = routes[request.url];
        answer(200, await asked(JSON.parse(Buffer.concat(received).toString() || '{}')));
      } catch (error) {
        answer(400, { error: String(error) });
      }
    });
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      manner: { type: 'string' },
      port: { type: 'string', default: '0' },
      key: { type: 'string' },
      cert: { type: 'string' },
    },
  });
  const certificate = values.key === undefined ? {} : {
    key: fs.readFileSync(values.key), cert: fs.readFileSync(values.cert),
  };
  const centre = new Centre(JSON.parse(values.manner), Number(values.port), certificate);
  await centre.open();
  const control = answering(controls(centre));
  control.listen(0, HOST, () => {
    console.log(JSON.stringify({ smpp: centre.port, control: control.address().port }));
  });
}

main();
