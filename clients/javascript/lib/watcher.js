'use strict';

const { open } = require('./socket');
const { OrchestratorError } = require('./transport');

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30000;
const ENDS = { completed: 'completed', failed: 'failed', cancelled: 'cancelled' };

/** Watches one task over the API's WebSocket until the task has ended. A broken connection is opened again. */
class Watcher {
  constructor(transport, taskId, read) {
    this.transport = transport;
    this.taskId = taskId;
    this.read = read;
    this.listeners = {};
    this.pause = FIRST_PAUSE;
    this.closed = false;
    queueMicrotask(() => this.connect());
  }

  on(event, listener) {
    (this.listeners[event] ||= []).push(listener);
    return this;
  }

  off(event, listener) {
    this.listeners[event] = (this.listeners[event] || []).filter((one) => one !== listener);
    return this;
  }

  /** Stop watching. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    if (this.socket) this.socket.close();
  }

  emit(event, ...values) {
    for (const listener of this.listeners[event] || []) listener(...values);
  }

  connect() {
    if (this.closed) return;
    this.socket = open(this.transport, {
      opened: () => this.socket.send(
        JSON.stringify({ type: 'subscribe', channel: 'tasks', filters: { id: this.taskId } }),
      ),
      heard: (text) => this.heard(JSON.parse(text)).catch((error) => this.fail(error)),
      refused: (status) => this.fail(new OrchestratorError(`Refused with status ${status}`, { status })),
      ended: () => this.again(),
    });
  }

  again() {
    if (this.closed) return;
    this.timer = setTimeout(() => this.connect(), this.pause);
    this.pause = Math.min(LONGEST_PAUSE, this.pause * 2);
  }

  async heard(frame) {
    if (frame.type === 'subscribed' || frame.type === 'reset') this.told(await this.read());
    else if (frame.type === 'task.updated') this.told(frame.data);
    else if (frame.type === 'task.deleted') this.told({ ...frame.data, status: 'cancelled' });
    else if (frame.type === 'error') throw new OrchestratorError(frame.error.message, { code: frame.error.code });
  }

  told(task) {
    const text = JSON.stringify(task);
    if (this.closed || text === this.seen) return;
    this.seen = text;
    this.pause = FIRST_PAUSE;
    this.emit('update', task);
    const end = ENDS[task.status];
    if (!end) return;
    this.close();
    this.emit(end, task);
    if (end !== 'completed') this.emit('error', new OrchestratorError(`The task ${end === 'failed' ? '' : 'was '}${end}`));
  }

  fail(error) {
    if (this.closed) return;
    this.close();
    this.emit('error', error);
  }
}

module.exports = { Watcher };
