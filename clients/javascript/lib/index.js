'use strict';

const { Transport, OrchestratorError, queryOf } = require('./transport');
const { Watcher } = require('./watcher');

const API = '/api/v1';
const segment = encodeURIComponent;

/** A kind of resource under one path. Methods resolve to what the API calls `data`; lists keep `data` and `pagination`. */
class Resource {
  constructor(transport, path) {
    this.transport = transport;
    this.path = API + path;
  }

  async data(method, path = '', body, options) {
    const answer = await this.transport.send(method, this.path + path, body, options);
    return answer !== null && typeof answer === 'object' && 'data' in answer ? answer.data : answer;
  }

  /** One page: `data`, `pagination`, `links`. */
  list(filters = {}) {
    return this.transport.send('GET', this.path + queryOf(filters));
  }

  create(fields) {
    return this.data('POST', '', fields);
  }

  get(id) {
    return this.data('GET', `/${segment(id)}`);
  }

  update(id, fields) {
    return this.data('PUT', `/${segment(id)}`, fields);
  }

  delete(id) {
    return this.data('DELETE', `/${segment(id)}`);
  }
}

class Tasks extends Resource {
  /** Create a task; sent twice after a lost answer, it is still one task. */
  create(fields) {
    return this.data('POST', '', fields, { once: true });
  }

  /** A task as it is now, with what `include` names: comments, files, history, metrics. */
  get(id, include = []) {
    return this.data('GET', `/${segment(id)}${queryOf({ include: include.length ? include : undefined })}`);
  }

  /** Change the fields that are named, `status` among them. */
  update(id, fields) {
    return this.data('PATCH', `/${segment(id)}`, fields);
  }

  delete(id, reason) {
    return this.data('DELETE', `/${segment(id)}${queryOf({ reason })}`);
  }

  assign(id, agentId, fields = {}) {
    return this.data('POST', `/${segment(id)}/assign`, { agentId, ...fields });
  }

  comment(id, content, mentions = []) {
    return this.data('POST', `/${segment(id)}/comments`, { content, mentions });
  }

  /** Add a file: `content` is a Blob, a Buffer or a string. */
  upload(id, name, content, description = '') {
    const form = new FormData();
    form.append('file', content instanceof Blob ? content : new Blob([content]), name);
    form.append('description', description);
    return this.data('POST', `/${segment(id)}/files`, undefined, { form });
  }

  /**
   * Watch a task until it has ended. Events: `update` (task) at each change and first with the task as it is;
   * `completed` (task); `failed` and `cancelled` (task); `error` (error) when it failed, was cancelled or cannot be watched.
   */
  watch(id) {
    return new Watcher(this.transport, id, () => this.get(id));
  }
}

class Agents extends Resource {
  enable(id) {
    return this.data('POST', `/${segment(id)}/enable`);
  }

  disable(id, reason) {
    return this.data('POST', `/${segment(id)}/disable`, reason === undefined ? {} : { reason });
  }

  tasks(id, filters = {}) {
    return this.transport.send('GET', `${this.path}/${segment(id)}/tasks${queryOf(filters)}`);
  }

  metrics(id) {
    return this.data('GET', `/${segment(id)}/metrics`);
  }
}

class Projects extends Resource {
  tasks(id, filters = {}) {
    return this.transport.send('GET', `${this.path}/${segment(id)}/tasks${queryOf(filters)}`);
  }

  addMember(id, userId, role, permissions) {
    return this.data('POST', `/${segment(id)}/members`, { userId, role, permissions });
  }

  removeMember(id, userId) {
    return this.data('DELETE', `/${segment(id)}/members/${segment(userId)}`);
  }
}

class Users extends Resource {
  me() {
    return this.data('GET', '/me');
  }

  notifications(filters = {}) {
    return this.transport.send('GET', `${this.path}/me/notifications${queryOf(filters)}`);
  }
}

class System extends Resource {
  /** Whether all is well: `status` is `healthy` then. */
  health() {
    return this.data('GET', '/health');
  }

  metrics() {
    return this.data('GET', '/metrics');
  }
}

class Webhooks extends Resource {
  /** Have a test event posted. */
  test(id) {
    return this.data('POST', `/${segment(id)}/test`);
  }
}

/** Speaks to one deployment, as the holder of an API key or of an access token. `timeout` is in milliseconds. */
class OrchestratorClient {
  constructor({ baseUrl = 'http://localhost:3000', apiKey, accessToken, timeout = 30000, attempts = 3 } = {}) {
    const transport = new Transport({ baseUrl, apiKey, accessToken, timeout, attempts });
    this.tasks = new Tasks(transport, '/tasks');
    this.agents = new Agents(transport, '/agents');
    this.projects = new Projects(transport, '/projects');
    this.users = new Users(transport, '/users');
    this.system = new System(transport, '/system');
    this.webhooks = new Webhooks(transport, '/webhooks');
  }
}

module.exports = { OrchestratorClient, OrchestratorError };
