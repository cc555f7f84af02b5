// A worker on a WebSocket (docs/reference/websockets.md). It needs `npm install ws`.
//
//     node worker.mjs ws://localhost:8003/worker/3 [token]
//
// Register it first: POST /workers {"worker_id": 3, "config": {"max_tasks": 4, "types": ["shout"]}}; the answer's
// `endpoint` is the URL.
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';

const [url, token] = process.argv.slice(2);
const HOPELESS = [400, 401, 403, 404];
const LONGEST_PAUSE = 30_000;

// Do the work; the return value is the task's result.
async function perform(type, data, signal) {
  if (type !== 'shout') throw new Error(`I cannot ${type}`);
  await sleep(1000 * (data.seconds ?? 0), undefined, { signal });
  return { text: `${data.text.toUpperCase()}!` };
}

// Each attempt is performed once, whatever happens to the connection; each report is repeated until it is confirmed.
const running = new Map(); // task id:attempt -> AbortController
const reports = new Map(); // task id:attempt -> the report; confirmed old ones are dropped
const unconfirmed = new Set();
let socket;

function send(frame) {
  // An unconfirmed report is sent again over the next connection.
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

function handle(frame) {
  const key = `${frame.task_id}:${frame.attempt}`;
  if (frame.type === 'ping') send({ type: 'pong' });
  else if (frame.type === 'task' && reports.has(key)) send(reports.get(key));
  else if (frame.type === 'task' && !running.has(key)) work(key, frame);
  else if (frame.type === 'cancel') running.get(key)?.abort();
  else if (frame.type === 'accepted' || frame.type === 'rejected') unconfirmed.delete(key);
  else if (frame.type === 'error') console.error('refused:', frame.error.message);
}

async function work(key, { task_id, attempt, task_type, data }) {
  const stop = new AbortController();
  running.set(key, stop);
  let report;
  try {
    report = { type: 'result', task_id, attempt, result: await perform(task_type, data, stop.signal) };
  } catch (error) {
    report = { type: 'error', task_id, attempt, error: String(error.message) };
  }
  running.delete(key);
  if (stop.signal.aborted) return;
  reports.set(key, report);
  unconfirmed.add(key);
  for (const old of [...reports.keys()].filter((known) => !unconfirmed.has(known)).slice(0, -1000)) reports.delete(old);
  send(report);
}

// Open one connection and wait for its end; resolves to the HTTP status that the end means, 0 for none.
function connection() {
  return new Promise((ended) => {
    socket = new WebSocket(url, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
    socket.on('open', () => unconfirmed.forEach((key) => send(reports.get(key))));
    socket.on('message', (text) => {
      failures = 0;
      handle(JSON.parse(text));
    });
    socket.on('close', (code) => ended(code - 4000));
    socket.on('unexpected-response', (_, response) => ended(response.statusCode)); // AWS refuses the handshake
    socket.on('error', () => ended(0));
  });
}

let failures = 0;
for (;;) {
  const status = await connection();
  if (HOPELESS.includes(status)) {
    console.error('refused:', status);
    process.exit(1);
  }
  failures += 1;
  await sleep(Math.random() * Math.min(LONGEST_PAUSE, 500 * 2 ** failures));
}
