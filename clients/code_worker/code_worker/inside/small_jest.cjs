'use strict';
/** The parts of Jest, Mocha and Vitest that tests commonly use: describe, it, hooks, expect, jest.fn. */
const assert = require('node:assert');
const { isDeepStrictEqual } = require('node:util');

const show = (value) => { try { return typeof value === 'function' ? value.name || 'a function' : JSON.stringify(value) ?? String(value); } catch { return String(value); } };
const fail = (message) => { throw new assert.AssertionError({ message }); };

/** The matchers that `expect.any` and similar functions made. The code must not make one: it would equal everything. */
const LOOSE = new WeakSet();
const loose = (match) => { const found = { asymmetricMatch: match }; LOOSE.add(found); return found; };

/** `toEqual` ignores classes and undefined properties. */
function isEqual(actual, expected) {
  if (LOOSE.has(expected)) return expected.asymmetricMatch(actual);
  if (Array.isArray(expected) && Array.isArray(actual)) return expected.length === actual.length && expected.every((each, at) => isEqual(actual[at], each));
  const isObject = (value) => value !== null && typeof value === 'object';
  if (isObject(expected) && isObject(actual) && Object.getPrototypeOf(expected) === Object.prototype) {
    const keys = (value) => Object.keys(value).filter((key) => value[key] !== undefined);
    return keys(expected).length === keys(actual).length && keys(expected).every((key) => isEqual(actual[key], expected[key]));
  }
  return isDeepStrictEqual(actual, expected);
}

const contains = (actual, part) => Object.keys(part).every((key) => {
  const isNested = part[key] !== null && typeof part[key] === 'object' && !Array.isArray(part[key]) && actual?.[key] !== null && typeof actual?.[key] === 'object';
  return isNested ? contains(actual[key], part[key]) : isEqual(actual?.[key], part[key]);
});

const at = (value, path) => (Array.isArray(path) ? path : String(path).split('.')).reduce((found, key) => found?.[key], value);

function throws(actual, expected) {
  try {
    actual();
  } catch (error) {
    return matchesError(error, expected);
  }
  return false;
}

function matchesError(error, expected) {
  if (expected === undefined) return true;
  if (typeof expected === 'string') return String(error?.message).includes(expected);
  if (expected instanceof RegExp) return expected.test(String(error?.message));
  if (typeof expected === 'function') return error instanceof expected;
  return error?.message === expected?.message;
}

const calls = (mock) => mock?.mock?.calls ?? fail('the value is no mock function');
const MATCHERS = {
  toBe: Object.is,
  toEqual: isEqual,
  toStrictEqual: isDeepStrictEqual,
  toBeTruthy: (actual) => !!actual,
  toBeFalsy: (actual) => !actual,
  toBeNull: (actual) => actual === null,
  toBeUndefined: (actual) => actual === undefined,
  toBeDefined: (actual) => actual !== undefined,
  toBeNaN: (actual) => Number.isNaN(actual),
  toBeGreaterThan: (actual, than) => actual > than,
  toBeGreaterThanOrEqual: (actual, than) => actual >= than,
  toBeLessThan: (actual, than) => actual < than,
  toBeLessThanOrEqual: (actual, than) => actual <= than,
  toBeCloseTo: (actual, to, digits = 2) => actual === to || Math.abs(actual - to) < 10 ** -digits / 2,
  toBeInstanceOf: (actual, cls) => actual instanceof cls,
  toBeTypeOf: (actual, name) => typeof actual === name,
  toContain: (actual, item) => (typeof actual === 'string' ? actual.includes(item) : [...actual].includes(item)),
  toContainEqual: (actual, item) => [...actual].some((each) => isEqual(each, item)),
  toHaveLength: (actual, length) => actual.length === length,
  toHaveProperty: (actual, path, ...value) => at(actual, path) !== undefined && (value.length === 0 || isEqual(at(actual, path), value[0])),
  toMatch: (actual, pattern) => (typeof pattern === 'string' ? actual.includes(pattern) : pattern.test(actual)),
  toMatchObject: contains,
  toThrow: throws,
  toThrowError: throws,
  toHaveBeenCalled: (mock) => calls(mock).length > 0,
  toHaveBeenCalledTimes: (mock, count) => calls(mock).length === count,
  toHaveBeenCalledWith: (mock, ...args) => calls(mock).some((each) => isEqual(each, args)),
  toHaveBeenLastCalledWith: (mock, ...args) => isEqual(calls(mock).at(-1), args),
};

function matchers(actual, isNot) {
  return Object.fromEntries(Object.entries(MATCHERS).map(([name, matcher]) => [name, (...args) => {
    if (!!matcher(actual, ...args) === isNot) fail(`expected ${show(actual)} ${isNot ? 'not ' : ''}${name} ${args.map(show).join(', ')}`);
  }]));
}

function later(actual, isNot, isRejected) {
  return Object.fromEntries(Object.keys(MATCHERS).map((name) => [name, async (...args) => {
    let settled;
    try {
      settled = [false, await (typeof actual === 'function' ? actual() : actual)];
    } catch (error) {
      settled = [true, error];
    }
    if (settled[0] !== isRejected) fail(`expected a promise that is ${isRejected ? 'rejected' : 'resolved'}`);
    const isThrow = isRejected && name.startsWith('toThrow');
    const value = isThrow ? () => { throw settled[1]; } : settled[1];
    matchers(value, isNot)[name](...args);
  }]));
}

function expect(actual) {
  const sides = (isNot) => ({ ...matchers(actual, isNot), resolves: later(actual, isNot, false), rejects: later(actual, isNot, true) });
  return { ...sides(false), not: sides(true) };
}
Object.assign(expect, {
  any: (cls) => loose((value) => value instanceof cls || typeof value === cls.name.toLowerCase()),
  anything: () => loose((value) => value !== null && value !== undefined),
  objectContaining: (part) => loose((value) => contains(value, part)),
  arrayContaining: (part) => loose((value) => part.every((each) => value.some((one) => isEqual(one, each)))),
  stringContaining: (part) => loose((value) => String(value).includes(part)),
});

function fn(implementation) {
  const once = [];
  const mock = function (...args) {
    mock.mock.calls.push(args);
    const result = (once.shift() ?? implementation)?.apply(this, args);
    mock.mock.results.push({ type: 'return', value: result });
    return result;
  };
  const returns = (given) => { implementation = given; return mock; };
  const nextReturns = (given) => { once.push(given); return mock; };
  return Object.assign(mock, {
    mock: { calls: [], results: [] },
    mockImplementation: returns,
    mockReturnValue: (value) => returns(() => value),
    mockResolvedValue: (value) => returns(async () => value),
    mockRejectedValue: (error) => returns(async () => { throw error; }),
    mockImplementationOnce: nextReturns,
    mockReturnValueOnce: (value) => nextReturns(() => value),
    mockClear: () => { mock.mock.calls.length = 0; mock.mock.results.length = 0; return mock; },
  });
}

function spyOn(holder, name) {
  const original = holder[name];
  const mock = fn(function (...args) { return original.apply(this, args); });
  mock.mockRestore = () => { holder[name] = original; };
  holder[name] = mock;
  return mock;
}

/** The tests that a text registers, in order. */
class Suite {
  constructor() {
    this.tests = [];
    this.groups = [{ name: '', before: [], after: [], beforeAll: [], afterAll: [] }];
  }

  get globals() {
    const test = (name, ...rest) => this.add(name, rest.find((each) => typeof each === 'function'));
    const describe = (name, ...rest) => this.describe(name, rest.find((each) => typeof each === 'function'));
    const skip = () => {};
    const each = (rows) => (name, run) => [...rows].forEach((row, number) => {
      const args = Array.isArray(row) ? [...row] : [row];
      this.add(`${String(name).replace(/%[sdijop]/g, () => show(args.shift()))} [${number + 1}]`, () => run(...(Array.isArray(row) ? row : [row])));
    });
    Object.assign(test, { skip, todo: skip, only: test, each });
    Object.assign(describe, { skip, only: describe });
    const hook = (key) => (run) => { this.groups.at(-1)[key].push(run); };
    const jest = { fn, spyOn };
    return { test, it: test, describe, suite: describe, expect, jest, vi: jest,
      beforeEach: hook('before'), afterEach: hook('after'), beforeAll: hook('beforeAll'), before: hook('beforeAll'), afterAll: hook('afterAll'), after: hook('afterAll') };
  }

  describe(name, body) {
    this.groups.push({ name: String(name), before: [], after: [], beforeAll: [], afterAll: [] });
    try { body?.(); } finally { this.groups.pop(); }
  }

  add(name, run) {
    const groups = [...this.groups];
    const full = [...groups.map((group) => group.name), String(name)].filter(Boolean).join(' > ');
    this.tests.push({ name: full, run: async () => {
      for (const group of groups) for (const hook of group.beforeAll.splice(0)) await hook();
      for (const group of groups) for (const hook of group.before) await hook();
      try {
        if (run?.length > 0) await new Promise((resolve, reject) => { Promise.resolve(run((error) => (error ? reject(error) : resolve()))).catch(reject); });
        else await run?.();
      } finally {
        for (const group of [...groups].reverse()) for (const hook of group.after) await hook();
      }
    } });
  }
}

module.exports = { Suite, expect, fn, spyOn };
