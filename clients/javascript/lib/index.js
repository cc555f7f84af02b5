'use strict';

const { Transport, OrchestratorError, queryOf } = require('./transport');
const { Watcher } = require('./watcher');

const API = '/api/v1';
const segment = encodeURIComponent;

/** The resources under one path. Methods resolve to the answer's `data`; lists resolve to `data` and `pagination`. */
class Resource {
  constructor(transport, path) {
    this.transport = transport;
    this.path = API + path;
  }

  async data(method, path = '', body, options) {
    const answer = await this.transport.send(method, this.path + path, body, options);
    return answer !== null && typeof answer === 'object' && 'data' in answer ? answer.data : answer;
  }

  /** Get one page: `data`, `pagination`, `links`. */
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
  /** Create a task. A request that is repeated after a lost answer does not create a second one. */
  create(fields) {
    return this.data('POST', '', fields, { once: true });
  }

  /** Get the present task. `include` can name comments, files, history and metrics. */
  get(id, include = []) {
    return this.data('GET', `/${segment(id)}${queryOf({ include: include.length ? include : undefined })}`);
  }

  /** Change the given fields, such as `status`. */
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
   * Watch a task until it has ended. Events: `update` (task) with the present task and at each change; `completed`
   * (task); `failed` and `cancelled` (task); `error` (error) if it failed, was cancelled or cannot be watched.
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
  /** Get the health check; `status` is `healthy` if all parts work. */
  health() {
    return this.data('GET', '/health');
  }

  metrics() {
    return this.data('GET', '/metrics');
  }
}

class Webhooks extends Resource {
  /** Let the service post a test event. */
  test(id) {
    return this.data('POST', `/${segment(id)}/test`);
  }
}

/** A client of one deployment, with an API key or an access token. `timeout` is in milliseconds. */
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
