class CachedClient {
  constructor(client) {
    this.client = client;
    this.cache = new Map();
    this.cacheTimeout = 60000; // 1 minute
  }
  
  async getCachedData(key, fetchFunction) {
    const cached = this.cache.get(key);
    
    if (cached && Date.now() - cached.timestamp < this.cacheTimeout) {
      return cached.data;
    }
    
    const data = await fetchFunction();
    this.cache.set(key, {
      data,
      timestamp: Date.now()
    });
    
    return data;
  }
  
  async getAgent(agentId) {
    return this.getCachedData(
      `agent:${agentId}`,
      () => this.client.agents.get(agentId)
    );
  }
}
