"""WebSocket clients that watch tasks or subscribe to events."""
