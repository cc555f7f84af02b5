const API_BASE = 'http://localhost:8787';
const token = 'your-jwt-token';

// Create a task
const response = await fetch(`${API_BASE}/api/task`, {
  method: 'POST',
  headers: {
    'Authorization': `Bearer ${token}`,
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    type: 'video-processing',
    priority: 1,
    payload: {
      video_url: 'https://example.com/video.mp4'
    }
  })
});

const task = await response.json();
console.log('Task created:', task.id);
