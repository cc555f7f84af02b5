// Install: npm install orchestrator-sdk

const { OrchestratorClient } = require('orchestrator-sdk');

const client = new OrchestratorClient({
  baseUrl: 'http://localhost:3000',
  apiKey: 'your-api-key'
});

// Create a task
async function createTask() {
  try {
    const task = await client.tasks.create({
      title: 'Build user registration',
      description: 'Implement user registration with email verification',
      priority: 'high',
      projectId: 'proj-123'
    });
    
    console.log('Task created:', task.id);
    return task;
  } catch (error) {
    console.error('Error creating task:', error.message);
  }
}

// Monitor task progress
async function watchTask(taskId) {
  const watcher = client.tasks.watch(taskId);
  
  watcher.on('update', (task) => {
    console.log(`Task ${taskId} progress: ${task.progress * 100}%`);
  });
  
  watcher.on('completed', (task) => {
    console.log(`Task ${taskId} completed!`);
    watcher.close();
  });
  
  watcher.on('error', (error) => {
    console.error('Watcher error:', error);
  });
}

// List available agents
async function listAgents() {
  const agents = await client.agents.list({
    type: 'coding',
    available: true
  });
  
  console.log(`Found ${agents.data.length} available coding agents`);
  return agents.data;
}
