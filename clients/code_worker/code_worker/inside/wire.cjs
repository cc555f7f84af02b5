'use strict';
/**
 * The wire between judge and subject in JavaScript: like wire.py, with two differences. Both sides poll for messages
 * instead of waiting for one, so that timers run meanwhile and either side can send first; and a promise is a promise on
 * both sides.
 *
 * The judge trusts nothing from the subject. A message is JSON and is only parsed as data. A message that does not fit
 * the protocol ends the wire, and a test on an ended wire fails.
 */
const fs = require('node:fs');

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const POLL_MS = 1;
const WAIT_MS = 0.1;
const LATEST = 200;
/** The number of latest containers that are kept equal; an older one is compared when it is sent again. */

/** The other side has ended or violated the protocol. */
class Ended extends Error {}
class Garbled extends Error {}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms) => Atomics.wait(sleeper, 0, 0, ms);

const DERIVABLE = [Object, Array, Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError,
  AggregateError, Map, Set, Promise, Function, Number, String, Boolean, Date, RegExp];
/** Builtins that are sent by name: `Math.max` is the same on both sides. None of them compiles text to code. */
const NAMED = new Map();
const NAMES = new Map();
const named = (name, value) => { if (!NAMES.has(value)) { NAMED.set(name, value); NAMES.set(value, name); } };
for (const cls of DERIVABLE) if (cls !== Function) named(cls.name, cls);
for (const name of ['BigInt', 'Symbol', 'WeakMap', 'WeakSet', 'parseInt', 'parseFloat', 'isNaN', 'isFinite', 'encodeURIComponent',
  'decodeURIComponent', 'structuredClone']) named(name, globalThis[name]);
for (const [name, holder] of Object.entries({ Math, JSON, Object, Array, Number, String, Date, Promise })) {
  for (const key of Object.getOwnPropertyNames(holder)) {
    if (typeof holder[key] === 'function' && key !== 'prototype') named(`${name}.${key}`, holder[key]);
  }
}
const PROTOTYPES = new Map(DERIVABLE.map((cls) => [cls.prototype, cls.name]));
const PROTOTYPE_OF = new Map(DERIVABLE.map((cls) => [cls.name, cls.prototype]));
const ERRORS = new Map(DERIVABLE.filter((cls) => cls === Error || cls.prototype instanceof Error).map((cls) => [cls.name, cls]));
const SYMBOLS = new Map(['iterator', 'asyncIterator', 'toPrimitive', 'toStringTag', 'hasInstance'].map((name) => [Symbol[name], name]));
const BYTES = { Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array, ArrayBuffer };

const isPlain = (value) => {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Reflect.ownKeys(value).every((key) => {
    const about = Object.getOwnPropertyDescriptor(value, key);
    return typeof key === 'string' && key !== '__proto__' && 'value' in about && about.enumerable;
  });
};
const kindOf = (value) => {
  if (Array.isArray(value)) return Object.getPrototypeOf(value) === Array.prototype ? 'array' : null;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Map.prototype && value instanceof Map) return 'map';
  if (prototype === Set.prototype && value instanceof Set) return 'set';
  return isPlain(value) ? 'object' : null;
};

class Wire {
  /** `serve(operation, arguments)` carries out the other side's requests. */
  constructor(reading, writing, isJudge, serve) {
    Object.assign(this, { reading, writing, isJudge, serve });
    this.ended = '';
    this.side = isJudge ? 'j' : 's';
    this.buffer = Buffer.alloc(0);
    this.lastRequest = 0;
    this.lastNumber = 0;
    this.answers = new Map();
    this.exports = new Map(); // number -> object of this side
    this.numbers = new Map(); // and back
    this.given = new WeakSet(); // those that were sent themselves, not only as the prototype of another one
    this.standins = new Map(); // number -> weak reference to a stand-in
    this.standsFor = new WeakMap(); // stand-in -> number
    this.gone = [];
    this.registry = new FinalizationRegistry((number) => {
      if (this.standins.get(number)?.deref() === undefined) { this.standins.delete(number); this.gone.push(number); }
    });
    this.shared = new Map(); // id -> { value, held }
    this.ids = new WeakMap(); // container -> id
    this.sharedCount = 0;
    this.promises = new Map(); // id of the other side's promise -> how to settle this side's
    this.promiseIds = new WeakMap();
    this.promiseCount = 0;
  }

  /** Send a request to the other side, and return its result or throw its exception. Throws Ended. */
  request(operation, ...args) {
    const id = ++this.lastRequest;
    this.send({ q: operation, id }, args);
    while (!this.answers.has(id)) this.handle(this.receive());
    const answer = this.answers.get(id);
    this.answers.delete(id);
    if (answer.r === 'x') throw answer.value;
    return answer.value;
  }

  /** Poll for messages as long as the event loop runs. */
  poll() {
    const look = () => {
      try {
        for (let message = this.take(); message; message = this.take()) this.handle(message);
      } catch (error) {
        if (!(error instanceof Ended)) throw error;
        this.onEnd?.();
        return;
      }
      this.timer = setTimeout(look, POLL_MS);
    };
    look();
  }

  // sending

  send(head, value) {
    if (this.ended) throw new Ended(this.ended);
    const fresh = {};
    const encoder = { fresh };
    let text;
    try {
      const body = this.encode(value, fresh);
      const up = this.changes(fresh);
      const gone = this.gone.splice(0);
      text = JSON.stringify({ ...head, a: body, fresh, up, gone });
      if (text.length > MAX_MESSAGE_BYTES) throw new TypeError('it is too large');
      for (const [id, content] of [...Object.entries(fresh), ...Object.entries(up)]) this.remember(id, content);
    } catch (error) {
      for (const id of Object.keys(encoder.fresh)) this.shared.delete(id);
      throw new TypeError(`The value cannot cross to the other process: ${error.message}`);
    }
    const data = Buffer.from(text);
    const header = Buffer.alloc(4);
    header.writeUInt32BE(data.length);
    this.write(Buffer.concat([header, data]));
  }

  write(data) {
    for (let at = 0; at < data.length;) {
      try {
        at += fs.writeSync(this.writing, data, at);
      } catch (error) {
        if (error.code !== 'EAGAIN') this.end('it has ended');
        sleep(WAIT_MS);
      }
    }
  }

  reply(id, key, value) {
    try {
      this.send({ r: key, id }, value);
    } catch (error) {
      if (error instanceof Ended) throw error;
      this.send({ r: 'x', id }, new TypeError(error.message));
    }
  }

  encode(value, fresh, isGiven = true) {
    switch (typeof value) {
      case 'undefined': return ['u'];
      case 'boolean': case 'string': return value;
      case 'number': return Number.isFinite(value) && !Object.is(value, -0) ? value : ['f', Object.is(value, -0) ? '-0' : String(value)];
      case 'bigint': return ['i', String(value)];
      case 'symbol': return this.encodeSymbol(value);
    }
    if (value === null) return null;
    const number = this.standsFor.get(value);
    if (number !== undefined) return ['o', number];
    if (NAMES.has(value)) return ['n', NAMES.get(value)];
    if (PROTOTYPES.has(value)) return ['P', PROTOTYPES.get(value)];
    if (typeof value === 'object') {
      if (this.ids.has(value) && this.shared.has(this.ids.get(value))) return ['@', this.touch(this.ids.get(value))];
      if (value instanceof Promise) return this.encodePromise(value);
      const simple = this.encodeSimple(value);
      if (simple) return simple;
      if (kindOf(value)) {
        const id = `${this.side}${++this.sharedCount}`;
        this.share(id, value);
        fresh[id] = null;
        fresh[id] = this.content(value, fresh);
        return ['@', id];
      }
    }
    return this.encodeReference(value, fresh, isGiven);
  }

  encodeSymbol(value) {
    if (SYMBOLS.has(value)) return ['y', SYMBOLS.get(value)];
    const key = Symbol.keyFor(value);
    if (key === undefined) throw new TypeError('a symbol belongs to one process');
    return ['Y', key];
  }

  encodeSimple(value) {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Date.prototype && value instanceof Date) return ['d', value.getTime()];
    if (prototype === RegExp.prototype && value instanceof RegExp) return ['x', value.source, value.flags];
    if (Buffer.isBuffer(value)) return ['b', 'Buffer', value.toString('base64')];
    for (const [name, cls] of Object.entries(BYTES)) {
      if (prototype !== cls.prototype) continue;
      const bytes = name === 'ArrayBuffer' ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      return ['b', name, Buffer.from(bytes).toString('base64')];
    }
    if (value instanceof Error && !Object.hasOwn(value, 'constructor') && ERRORS.get(prototype.constructor?.name)?.prototype === prototype) {
      const code = typeof value.code === 'string' ? value.code : null;
      return ['e', prototype.constructor.name, String(value.message), this.where?.(value) ?? '', code];
    }
    return null;
  }

  encodePromise(promise) {
    let id = this.promiseIds.get(promise);
    if (id === undefined) {
      id = `${this.side}${++this.promiseCount}`;
      this.promiseIds.set(promise, id);
      const tell = (isGood) => (value) => {
        try { this.request('settled', id, isGood, value); } catch (error) { if (!(error instanceof Ended)) this.request('settled', id, false, error); }
      };
      promise.then(tell(true), tell(false)).catch(() => {});
    }
    return ['p', id];
  }

  encodeReference(value, fresh, isGiven) {
    let number = this.numbers.get(value);
    if (number === undefined) {
      // Not later: the code can send what it knows to have it sent back.
      if (isGiven) this.given.add(value);
      number = ++this.lastNumber;
      this.exports.set(number, value);
      this.numbers.set(value, number);
    }
    const kind = typeof value === 'function' ? 'f' : value instanceof Error ? 'x' : 'o';
    const prototype = Object.getPrototypeOf(value);
    const parent = prototype === null || NAMES.has(prototype) ? null : this.encode(prototype, fresh, false);
    return ['r', number, kind, parent, kind === 'x' ? this.where?.(value) ?? '' : ''];
  }

  // containers

  share(id, value) {
    this.shared.set(id, { value, held: null });
    this.ids.set(value, id);
  }

  remember(id, content) {
    if (this.shared.has(id)) this.shared.get(id).held = JSON.stringify(content);
  }

  content(value, fresh) {
    const kind = kindOf(value) ?? 'object';
    if (kind === 'array') return ['array', ...Array.from(value, (each) => this.encode(each, fresh))];
    const items = kind === 'object' ? Object.entries(value) : kind === 'map' ? [...value] : [...value].map((each) => [each]);
    return [kind, ...items.flat(1).map((each) => this.encode(each, fresh))];
  }

  /** Move the container, which is sent again, to the latest ones. */
  touch(id) {
    const found = this.shared.get(id);
    this.shared.delete(id);
    this.shared.set(id, found);
    return id;
  }

  /** The content of the latest containers that this side has changed. */
  changes(fresh) {
    const up = {};
    for (const [id, { value, held }] of [...this.shared].slice(-LATEST)) {
      if (held === null) continue;
      const content = this.content(value, fresh);
      if (JSON.stringify(content) !== held) up[id] = content;
    }
    return up;
  }

  // receiving

  receive() {
    for (;;) {
      const message = this.take();
      if (message) return message;
      sleep(WAIT_MS);
    }
  }

  /** The next message, if there is one. */
  take() {
    if (this.ended) throw new Ended(this.ended);
    if (!this.fill(4)) return null;
    const length = this.buffer.readUInt32BE(0);
    if (length > MAX_MESSAGE_BYTES) this.end('it sent a message that is too long');
    if (!this.fill(4 + length)) return null;
    const text = this.buffer.toString('utf8', 4, 4 + length);
    this.buffer = this.buffer.subarray(4 + length);
    try {
      return this.takeOver(JSON.parse(text));
    } catch (error) {
      if (error instanceof Ended) throw error;
      return this.end('it sent what no program sends');
    }
  }

  fill(count) {
    const part = Buffer.alloc(65536);
    while (this.buffer.length < count) {
      let length;
      try {
        length = fs.readSync(this.reading, part);
      } catch (error) {
        if (error.code === 'EAGAIN') return false;
        this.end('it has ended');
      }
      // Until the judge has opened the pipe, the code's end reads as if it were closed.
      if (length === 0 && !this.isJudge && this.buffer.length === 0 && !this.hasBegun) return false;
      if (length === 0) this.end('it has ended');
      this.hasBegun = true;
      this.buffer = Buffer.concat([this.buffer, part.subarray(0, length)]);
    }
    return true;
  }

  takeOver(message) {
    for (const number of message.gone) { this.numbers.delete(this.exports.get(number)); this.exports.delete(number); }
    for (const [id, content] of Object.entries(message.fresh)) {
      if (this.shared.has(id) || id.startsWith(this.side)) throw new Garbled('a container twice');
      this.share(id, { array: () => [], object: () => ({}), map: () => new Map(), set: () => new Set() }[content[0]]());
    }
    for (const [id, content] of [...Object.entries(message.fresh), ...Object.entries(message.up)]) {
      if (!this.shared.has(id)) throw new Garbled('a container that is not there');
      this.fillContainer(this.shared.get(id).value, content);
      this.remember(id, content);
    }
    message.value = this.decode(message.a);
    return message;
  }

  fillContainer(held, [kind, ...parts]) {
    const values = parts.map((part) => this.decode(part));
    if (kind === 'array' && Array.isArray(held)) held.splice(0, held.length, ...values);
    else if (kind === 'map' && held instanceof Map) {
      held.clear();
      for (let at = 0; at < values.length; at += 2) held.set(values[at], values[at + 1]);
    } else if (kind === 'set' && held instanceof Set) {
      held.clear();
      values.forEach((value) => held.add(value));
    } else if (kind === 'object' && isPlain(held)) {
      const keys = values.filter((_, at) => at % 2 === 0);
      for (const key of Object.keys(held)) if (!keys.includes(key)) delete held[key];
      keys.forEach((key, at) => {
        if (typeof key !== 'string') throw new Garbled('a key that is none');
        Object.defineProperty(held, key, { value: values[2 * at + 1], writable: true, enumerable: true, configurable: true });
      });
    } else throw new Garbled('a container of another kind');
  }

  decode(data) {
    if (!Array.isArray(data)) {
      if (data !== null && typeof data === 'object') throw new Garbled('an object of JSON');
      return data;
    }
    const [tag, ...rest] = data;
    const decoder = Object.hasOwn(DECODERS, tag) ? DECODERS[tag] : null;
    if (!decoder) throw new Garbled('a tag that is not known');
    return decoder(this, ...rest);
  }

  reference(number, kind, parent, where) {
    const known = this.standins.get(number)?.deref();
    if (known) return known;
    if (typeof number !== 'number') throw new Garbled('a number that is none');
    const prototype = parent === null ? (kind === 'f' ? Function.prototype : null) : this.decode(parent);
    const standin = makeStandin(this, number, kind, prototype);
    this.standins.set(number, new WeakRef(standin));
    this.standsFor.set(standin, number);
    this.registry.register(standin, number);
    if (kind === 'x' && typeof where === 'string') PLACES.set(standin, where.slice(0, 100));
    return standin;
  }

  promise(id) {
    const known = this.promises.get(id);
    if (known) return known.promise;
    const found = {};
    found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }));
    found.promise.catch(() => {}); // whoever waits for it learns of it
    this.promises.set(id, found);
    this.promiseIds.set(found.promise, id);
    return found.promise;
  }

  handle(message) {
    const { q: operation, r: kind, id, value } = message;
    if (kind === 'v' || kind === 'x') {
      this.answers.set(id, { r: kind, value });
    } else if (operation === 'settled' && Array.isArray(value)) {
      const [promise, isGood, result] = value;
      const found = this.promises.get(promise);
      if (found) (isGood === true ? found.resolve : found.reject)(result);
      this.reply(id, 'v', undefined);
    } else if (typeof operation === 'string' && Array.isArray(value)) {
      let result;
      try {
        result = this.serve(operation, value);
      } catch (error) {
        if (error instanceof Ended) throw error;
        this.reply(id, 'x', error);
        return;
      }
      this.reply(id, 'v', result);
    } else this.end('it sent a request that is none');
  }

  end(why) {
    this.ended ||= why;
    throw new Ended(this.ended);
  }
}

/** The line of the other side's code that raised an exception. */
const PLACES = new WeakMap();

const DECODERS = {
  u: () => undefined,
  f: (_, text) => Number(text),
  i: (_, text) => BigInt(text),
  d: (_, time) => new Date(time),
  x: (_, source, flags) => new RegExp(source, flags),
  b: (_, name, text) => {
    const bytes = Buffer.from(text, 'base64');
    if (name === 'Buffer') return bytes;
    const copy = Uint8Array.from(bytes).buffer;
    return name === 'ArrayBuffer' ? copy : new BYTES[name](copy);
  },
  e: (_, name, message, where, code) => {
    const error = new (ERRORS.get(name))(message);
    if (typeof where === 'string') PLACES.set(error, where.slice(0, 100));
    if (typeof code === 'string') error.code = code;
    return error;
  },
  n: (_, name) => { if (!NAMED.has(name)) throw new Garbled('a name'); return NAMED.get(name); },
  P: (_, name) => { if (!PROTOTYPE_OF.has(name)) throw new Garbled('a name'); return PROTOTYPE_OF.get(name); },
  y: (_, name) => Symbol[name],
  Y: (_, key) => Symbol.for(key),
  o: (wire, number) => { if (!wire.exports.has(number)) throw new Garbled('nothing'); return wire.exports.get(number); },
  '@': (wire, id) => { if (!wire.shared.has(id)) throw new Garbled('nothing'); return wire.shared.get(wire.touch(id)).value; },
  p: (wire, id) => wire.promise(id),
  r: (wire, ...parts) => wire.reference(...parts),
};

/** Create a stand-in: operations on it are sent to the object on the other side. */
function makeStandin(wire, number, kind, prototype) {
  const target = kind === 'f' ? function () {} : {};
  const passes = (key) => typeof key === 'string' || (SYMBOLS.has(key) && key !== Symbol.hasInstance);
  const own = (key) => Reflect.getOwnPropertyDescriptor(target, key)?.configurable === false;
  const standin = new Proxy(target, {
    get: (_, key) => (passes(key) ? wire.request('get', standin, key) : Reflect.get(target, key)),
    set: (_, key, value) => { wire.request('set', standin, key, value); return true; },
    has: (_, key) => (passes(key) ? wire.request('has', standin, key) : Reflect.has(target, key)),
    deleteProperty: (_, key) => wire.request('delete', standin, key),
    apply: (_, self, args) => wire.request('call', standin, self, args),
    construct: (_, args) => wire.request('construct', standin, args),
    getPrototypeOf: () => prototype,
    ownKeys: () => {
      const keys = wire.request('keys', standin).filter((key) => typeof key === 'string');
      return [...new Set([...keys, ...Reflect.ownKeys(target).filter(own)])];
    },
    getOwnPropertyDescriptor: (_, key) => {
      if (own(key)) return Reflect.getOwnPropertyDescriptor(target, key);
      const about = passes(key) ? wire.request('own', standin, key) : undefined;
      if (!about) return undefined;
      return { value: wire.request('get', standin, key), writable: true, enumerable: about.enumerable === true, configurable: true };
    },
    defineProperty: (_, key, about) => { wire.request('set', standin, key, about.value); return true; },
    preventExtensions: () => false,
  });
  return standin;
}

/** Open the files of the pipes. The judge opens them after the subject, and removes their names. */
function openEnds(folder, isJudge) {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants;
  const [toCode, fromCode] = [`${folder}/.to-code`, `${folder}/.from-code`];
  const mine = isJudge ? fromCode : toCode;
  const theirs = isJudge ? toCode : fromCode;
  const until = Date.now() + 10_000;
  const open = (path, flags) => {
    for (;;) {
      try { return fs.openSync(path, flags | O_NONBLOCK); } catch (error) {
        if (Date.now() > until) throw error;
        sleep(2);
      }
    }
  };
  if (!isJudge) {
    // In this order: once the judge can write, the code can as well.
    const writing = open(theirs, O_WRONLY);
    return [open(mine, O_RDONLY), writing];
  }
  const ends = [open(mine, O_RDONLY), open(theirs, O_WRONLY)];
  fs.unlinkSync(toCode);
  fs.unlinkSync(fromCode);
  return ends;
}

module.exports = { Wire, Ended, PLACES, openEnds };
