const axios = require('axios');

// Create Task
const task = await axios.post('http://localhost:8000/api/tasks', {
  name: 'captcha-solve',
  type: 'captcha',
  priority: 'high',
  payload: { image: base64Image }
});

console.log('Task created:', task.data.id);
