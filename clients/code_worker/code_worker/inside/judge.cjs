'use strict';
/**
 * The process with the tests, like judge.py: `{"code": text, "tests": text, "own": [names]}` on stdin, lines of JSON on
 * file 3. A text that registers tests (`test`, `it`) has those tests; another text is one test.
 */
const fs = require('node:fs');
const vm = require('node:vm');
const assert = require('node:assert');
const { createRequire } = require('node:module');
const { Wire, Ended, PLACES, openEnds } = require('./wire.cjs');
const { asScript } = require('./modules.cjs');
const { Suite, expect, fn, spyOn } = require('./small_jest.cjs');

const FILE = 'tests.js';
const TOLD = 3;
const MAX_ERROR = 600;
const MAX_TESTS = 200;
const ONE = 'test';
/** Keys under which the code could reach from one of the judge's objects into the judge. */
const CLOSED = new Set(['constructor', '__proto__', 'prototype', 'caller', 'callee', 'arguments', '__defineGetter__', '__defineSetter__',
  '__lookupGetter__', '__lookupSetter__', 'mock', 'asymmetricMatch']);
/** Operations on an object that a test gave to the code; the latter ones also on the prototype of such an object. What both sides know
 * by name is used on the own side: here, `Object.getOwnPropertyDescriptor` would find what makes code of text. */
const ON_GIVEN = new Set(['call', 'construct', 'set']);
const ON_SENT = new Set(['get', 'has', 'keys', 'own']);
const write = process.stdout.write.bind(process.stdout);

const tell = (line) => fs.writeSync(TOLD, `${JSON.stringify(line)}\n`);

/** Whether the code may use this property of an object that a test passed to it. It can only call functions. */
const isOpen = (value, key) => value !== null && typeof value === 'object' && (typeof key === 'symbol' || (typeof key === 'string' && !CLOSED.has(key)));

/** Whether the property is a method of the object's class, on which a test relies. */
const isMethod = (value, key) => typeof Object.getPrototypeOf(value)?.[key] === 'function';

const operations = {
  call: (value, self, args) => Reflect.apply(value, self, args),
  construct: (value, args) => Reflect.construct(value, args),
  get: (value, key) => (isOpen(value, key) || ['name', 'length'].includes(key) ? value[key] : undefined),
  set: (value, key, to) => { if (isOpen(value, key) && typeof key === 'string' && !isMethod(value, key)) value[key] = to; else throw new TypeError('The code cannot change this of a test'); },
  has: (value, key) => isOpen(value, key) && key in value,
  keys: (value) => (isOpen(value, '') ? Object.keys(value) : []),
  own: (value, key) => (isOpen(value, key) && Object.hasOwn(value, key) ? { enumerable: true } : undefined),
  console: (method, args) => { if (['log', 'info', 'debug', 'warn', 'error'].includes(method)) console[method](...args); },
  write: (name, text) => { process[name === 'stderr' ? 'stderr' : 'stdout'].write(String(text)); },
};

function message(error) {
  if (error instanceof Ended) return `the code's process cannot be worked with: ${error.message}`;
  const places = [];
  const line = typeof error?.stack === 'string' && !PLACES.has(error) ? /tests\.js:(\d+)/.exec(error.stack) : null;
  if (line) places.push(`line ${line[1]} of the tests`);
  if (error !== null && typeof error === 'object' && PLACES.get(error)) places.push(PLACES.get(error));
  let text;
  try { text = error instanceof Error ? `${error.name}: ${error.message}` : `${String(error)} was thrown`; } catch { text = 'an exception that cannot be shown'; }
  return text.slice(0, MAX_ERROR) + (places.length ? ` (${places.join(', ')})` : '');
}

/** The namespace of the tests: the names of the test framework, and the code's names except those of builtins. */
function makeScope(wire, suite) {
  const known = new Map();
  const find = (name) => {
    if (!known.has(name)) known.set(name, wire.request('named', name));
    return known.get(name);
  };
  const solution = new Proxy({}, {
    get: (_, name) => (typeof name === 'string' ? wire.request('named', name)[1] : undefined),
    has: (_, name) => typeof name === 'string' && wire.request('named', name)[0] === true,
    set: (_, name, value) => { wire.request('set', wire.request('whole'), name, value); return true; },
  });
  const own = createRequire('/tmp/tests.js');
  const load = (name) => {
    if (/^(node:)?assert(\/strict)?$/.test(name) || require('node:module').isBuiltin(name)) return name === 'node:test' ? provided : own(name);
    if (['vitest', '@jest/globals', 'mocha', 'chai', 'jest'].includes(name)) return provided;
    const whole = wire.request('whole');
    return typeof whole === 'function' ? whole : solution;
  };
  const pick = (found, name) => {
    if (found !== solution) return found?.default ?? found;
    const [isThere, value] = wire.request('named', 'default');
    return isThere ? value : wire.request('named', name)[1] ?? solution;
  };
  const provided = { ...suite.globals, assert, default: assert };
  const module = { exports: {} };
  const names = { ...provided, require: load, __default: pick, module, exports: module.exports, global: globalThis };
  delete names.default;
  const isBuiltin = (name) => name in globalThis || ['undefined', 'arguments'].includes(name);
  return new Proxy(names, {
    has: (_, name) => typeof name === 'string' && (Object.hasOwn(names, name) || (!isBuiltin(name) && find(name)[0] === true)),
    get: (_, name) => (typeof name !== 'string' ? undefined : Object.hasOwn(names, name) ? names[name] : find(name)[1]),
    set: (_, name, value) => { if (Object.hasOwn(names, name)) names[name] = value; else wire.request('set', wire.request('whole'), name, value); return true; },
  });
}

async function judge(wire, name, run) {
  const begun = performance.now();
  let error = '';
  try {
    await run();
    wire.request('ping');
  } catch (raised) {
    error = message(raised) || 'failed';
  }
  if (wire.ended) error = `the code's process cannot be worked with: ${wire.ended}`;
  tell({ test: name, passed: error === '', error, ms: performance.now() - begun });
}

async function runAll(wire, asked) {
  tell({ plan: asked.own.length ? asked.own : [ONE] });
  try {
    wire.request('load', asked.code);
  } catch (error) {
    return error instanceof Ended ? message(error) : `the code cannot be loaded: ${message(error)}`;
  }
  if (asked.own.length) {
    for (const name of asked.own) await judge(wire, name, () => wire.request('named', name)[1]());
    return '';
  }
  const suite = new Suite();
  let run;
  try {
    const text = `(function (scope) { with (scope) { return (async () => {${asScript(asked.tests)}\n})(); } })`;
    run = vm.runInThisContext(text, { filename: FILE }).bind(undefined, makeScope(wire, suite));
  } catch (error) {
    return `the tests are not JavaScript: ${message(error)}`;
  }
  let raised;
  const body = async () => { try { await run(); } catch (error) { raised = error; throw error; } };
  if (!/\b(test|it)(\.\w+)*\s*\(/.test(asked.tests)) {
    await judge(wire, ONE, body);
    return '';
  }
  await body().catch(() => {});
  tell({ plan: suite.tests.map((test) => test.name).slice(0, MAX_TESTS) });
  if (raised !== undefined) return `the tests cannot be run: ${message(raised)}`;
  if (suite.tests.length === 0) await judge(wire, ONE, async () => {});
  for (const test of suite.tests.slice(0, MAX_TESTS)) await judge(wire, test.name, test.run);
  return '';
}

async function main(folder) {
  const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
  const [reading, writing] = openEnds(folder, true);
  const wire = new Wire(reading, writing, true, (operation, args) => {
    if (!Object.hasOwn(operations, operation)) throw new TypeError('This cannot be done with what a test gave to the code');
    const isAllowed = ON_GIVEN.has(operation) ? wire.given.has(args[0]) : !ON_SENT.has(operation) || wire.numbers.has(args[0]);
    if (!isAllowed) throw new TypeError('No test gave this to the code');
    return operations[operation](...args);
  });
  console.assert = (isTrue, ...args) => { if (!isTrue) throw new assert.AssertionError({ message: args.map(String).join(' ') || 'assertion failed' }); };
  Object.assign(globalThis, { expect, fn, spyOn });
  wire.onEnd = () => {};
  wire.poll();
  tell({ end: await runAll(wire, asked) });
  process.exit(0);
}

process.on('unhandledRejection', () => {});
module.exports = { main, write };
