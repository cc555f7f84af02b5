'use strict';
/**
 * The process of the tested code. It loads the code and carries out the judge's requests. Whatever the code does to this
 * process, it can only change its own answers.
 */
const vm = require('node:vm');
const { createRequire } = require('node:module');
const { Wire, Ended, openEnds } = require('./wire.cjs');
const { asScript } = require('./modules.cjs');

const FILE = 'solution.js';

/** Give the code the globals of a script. */
function prepareGlobals() {
  const module = { exports: {} };
  const require = createRequire('/tmp/solution.js');
  Object.assign(globalThis, { module, exports: module.exports, require, __filename: '/tmp/solution.js', __dirname: '/tmp' });
  globalThis.__default = (found) => found?.default ?? found;
}

/** The value of a top-level name of the code; `[false]` if there is none. */
function lookUp(name) {
  if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) return [false];
  try {
    return [true, new vm.Script(name).runInThisContext()];
  } catch {
    return [false];
  }
}

/** The code's export with this name, or its top-level value with this name. */
function exported(name) {
  const given = globalThis.module?.exports;
  if (given !== null && (typeof given === 'object' || typeof given === 'function') && Object.hasOwn(given, name)) return [true, given[name]];
  return lookUp(name);
}

/** The line of the code in which an exception was raised. */
function where(error) {
  const match = typeof error?.stack === 'string' ? /solution\.js:(\d+)/.exec(error.stack) : null;
  return match ? `line ${match[1]} of the code` : '';
}

const operations = {
  load: (code) => { new vm.Script(asScript(code), { filename: FILE }).runInThisContext(); },
  ping: () => undefined,
  named: (name) => exported(name),
  whole: () => globalThis.module?.exports,
  call: (value, self, args) => Reflect.apply(value, self, args),
  construct: (value, args) => Reflect.construct(value, args),
  get: (value, key) => value[key],
  set: (value, key, to) => { value[key] = to; },
  has: (value, key) => key in Object(value),
  delete: (value, key) => Reflect.deleteProperty(value, key),
  keys: (value) => Reflect.ownKeys(value).filter((key) => typeof key === 'string'),
  own: (value, key) => {
    const about = Object.getOwnPropertyDescriptor(value, key);
    return about && { enumerable: about.enumerable };
  },
};

function main(folder) {
  const [reading, writing] = openEnds(folder, false);
  const wire = new Wire(reading, writing, false, (operation, args) => operations[operation](...args));
  wire.where = where;
  wire.onEnd = () => process.exit(0);
  const tell = (...args) => { try { wire.request(...args); } catch (error) { if (!(error instanceof Ended)) throw error; } };
  for (const method of ['log', 'info', 'debug', 'warn', 'error']) console[method] = (...args) => tell('console', method, args);
  for (const name of ['stdout', 'stderr']) {
    process[name].write = (text) => { tell('write', name, String(text)); return true; };
  }
  prepareGlobals();
  process.on('unhandledRejection', () => {});
  wire.poll();
}

module.exports = { main, prepareGlobals, FILE };
