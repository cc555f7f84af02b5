const ws = new WebSocket('ws://localhost:8000/worker/{worker_id}');

ws.onmessage = (event) => {
    const task = JSON.parse(event.data);
    // Process task
};
