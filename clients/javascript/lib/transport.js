'use strict';

/** The API's error, or (with `status` 0) a request that got no answer. */
class OrchestratorError extends Error {
  constructor(message, { status = 0, code, details = {}, headers = {}, cause } = {}) {
    super(message, { cause });
    this.name = 'OrchestratorError';
    this.status = status;
    this.code = code;
    this.details = details;
    this.headers = headers;
  }
}

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 10000;
/** Methods that may be repeated. A POST may be repeated only with an Idempotency-Key, or if it was refused unread. */
const SAFE = new Set(['GET', 'PUT', 'PATCH', 'DELETE']);
const REFUSED = new Set([429, 503]);

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Build the query string of filters: lists with commas, without undefined and null. */
function queryOf(filters) {
  const found = Object.entries(filters).filter(([, value]) => value !== undefined && value !== null);
  return found.length ? `?${new URLSearchParams(found.map(([name, value]) => [name, String(value)]))}` : '';
}

/** Sends requests of one caller, and repeats those that can be repeated safely. */
class Transport {
  constructor({ baseUrl, apiKey, accessToken, timeout, attempts }) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.credential = apiKey || accessToken;
    this.headers = { Accept: 'application/json' };
    if (apiKey) this.headers['X-API-Key'] = apiKey;
    else if (accessToken) this.headers.Authorization = `Bearer ${accessToken}`;
    this.timeout = timeout;
    this.attempts = attempts;
  }

  async send(method, path, body, { once = false, form } = {}) {
    const headers = { ...this.headers };
    if (once) headers['Idempotency-Key'] = globalThis.crypto.randomUUID();
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const request = { method, headers, body: form || (body === undefined ? undefined : JSON.stringify(body)) };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.once(path, request);
      } catch (error) {
        if (attempt >= this.attempts || !again(error, method, once)) throw error;
        const after = Number(error.headers['retry-after']);
        const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
        await sleep(error.headers['retry-after'] === undefined || Number.isNaN(after) ? pause : after * 1000);
      }
    }
  }

  async once(path, request) {
    let answer;
    let text;
    try {
      answer = await fetch(this.baseUrl + path, { ...request, signal: AbortSignal.timeout(this.timeout) });
      text = await answer.text();
    } catch (cause) {
      throw new OrchestratorError(`${request.method} ${path}: no answer`, { cause });
    }
    const found = parsed(text);
    if (answer.ok) return found;
    const said = (found && typeof found.error === 'object' && found.error) || {};
    throw new OrchestratorError(said.message || `The API answered with status ${answer.status}`, {
      status: answer.status,
      code: said.code,
      details: said.details,
      headers: Object.fromEntries(answer.headers),
    });
  }
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function again(error, method, once) {
  if (!(error instanceof OrchestratorError)) return false;
  if (REFUSED.has(error.status)) return true;
  return (error.status === 0 || error.status >= 500) && (once || SAFE.has(method));
}

module.exports = { Transport, OrchestratorError, queryOf };
