'use strict';

const { chance } = require('./chance');

/**
 * Ways for a connection to end at a submit_sm:
 * before    it was not taken
 * after     it was taken, and not answered
 * half      it was taken, and half of the answer went out
 * answered  it was taken and answered
 * unbind    it was taken and answered, and the centre unbinds
 */
const KINDS = ['before', 'after', 'half', 'answered', 'unbind'];

/** At which submits the centre disconnects: so many times, on average at every so many-th submit. */
class Cuts {
  /** `kinds`: those to draw from; empty: all. */
  constructor({ seed, count, every, kinds }) {
    this.random = chance(seed);
    this.left = count;
    this.every = every;
    this.kinds = kinds.length > 0 ? kinds : KINDS;
    this.made = Object.fromEntries(this.kinds.map((kind) => [kind, 0]));
    this.countdown = this.draw();
  }

  draw() {
    return 1 + Math.floor(this.random() * (2 * this.every - 1));
  }

  /** What happens at this submit; null: nothing. */
  next() {
    if (this.left === 0) {
      return null;
    }
    this.countdown -= 1;
    if (this.countdown > 0) {
      return null;
    }
    this.left -= 1;
    this.countdown = this.draw();
    const kind = this.kinds[Math.floor(this.random() * this.kinds.length)];
    this.made[kind] += 1;
    return kind;
  }
}

module.exports = { Cuts };
