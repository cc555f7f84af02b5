// WebSocket connection for real-time updates
const ws = new WebSocket('ws://localhost:3000/ws');

ws.on('open', () => {
  // Subscribe to task updates
  ws.send(JSON.stringify({
    type: 'subscribe',
    channel: 'tasks',
    filters: {
      projectId: 'proj-123'
    }
  }));
});

ws.on('message', (data) => {
  const update = JSON.parse(data);
  
  switch (update.type) {
    case 'task.updated':
      handleTaskUpdate(update.data);
      break;
    case 'agent.status_changed':
      handleAgentStatusChange(update.data);
      break;
  }
});
