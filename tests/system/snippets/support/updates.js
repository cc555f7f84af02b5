const ws = new WebSocket('ws://localhost:8000/tasks/updates');

ws.onmessage = (event) => {
    const update = JSON.parse(event.data);
    console.log('Task Update:', update);
};
