"""The `connections` table: WebSocket connections, what they watch, and the numbered feeds."""
