const axios = require('axios');

async function submitTask(text) {
    const response = await axios.post('http://localhost:8000/task', {
        type: 'sentiment_analysis',
        data: {
            text: text,
            channel: 'chat'
        }
    });
    return response.data;
}

// Submit task
submitTask("Great service!")
    .then(console.log)
    .catch(console.error);
