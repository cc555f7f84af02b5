export class OrchestratorError extends Error {
  status: number;
  code?: string;
  details: Record<string, string[]>;
  headers: Record<string, string>;
}

export type Fields = Record<string, unknown>;
export type Thing = Record<string, any>;

export interface Page {
  data: Thing[];
  pagination: { page: number; limit: number; total: number; pages: number; hasNext: boolean; hasPrev: boolean };
  links: { first: string; last: string; next: string | null; prev: string | null };
}

export interface Watcher {
  on(event: 'update' | 'completed' | 'failed' | 'cancelled', listener: (task: Thing) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  off(event: string, listener: (...values: any[]) => void): this;
  close(): void;
}

export interface Resource {
  list(filters?: Fields): Promise<Page>;
  create(fields: Fields): Promise<Thing>;
  get(id: string): Promise<Thing>;
  update(id: string, fields: Fields): Promise<Thing>;
  delete(id: string): Promise<Thing>;
}

export interface Tasks extends Resource {
  get(id: string, include?: string[]): Promise<Thing>;
  delete(id: string, reason?: string): Promise<Thing>;
  assign(id: string, agentId: string, fields?: Fields): Promise<Thing>;
  comment(id: string, content: string, mentions?: string[]): Promise<Thing>;
  upload(id: string, name: string, content: Blob | Uint8Array | string, description?: string): Promise<Thing>;
  watch(id: string): Watcher;
}

export interface Agents extends Resource {
  enable(id: string): Promise<Thing>;
  disable(id: string, reason?: string): Promise<Thing>;
  tasks(id: string, filters?: Fields): Promise<Page>;
  metrics(id: string): Promise<Thing>;
}

export interface Projects extends Resource {
  tasks(id: string, filters?: Fields): Promise<Page>;
  addMember(id: string, userId: string, role: string, permissions?: string[]): Promise<Thing>;
  removeMember(id: string, userId: string): Promise<Thing>;
}

export class OrchestratorClient {
  constructor(options?: {
    baseUrl?: string;
    apiKey?: string;
    accessToken?: string;
    timeout?: number;
    attempts?: number;
  });
  tasks: Tasks;
  agents: Agents;
  projects: Projects;
  users: Resource & { me(): Promise<Thing>; notifications(filters?: Fields): Promise<Page> };
  system: { health(): Promise<Thing>; metrics(): Promise<Thing> };
  webhooks: Resource & { test(id: string): Promise<Thing> };
}
