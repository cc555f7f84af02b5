"""Workers: registration, heartbeats, rotation, and the workers on WebSockets."""
