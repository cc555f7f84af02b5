# Send Notification
curl -X POST http://localhost:8004/api/notify \
  -H "Content-Type: application/json" \
  -d '{"message": "Hello!", "type": "info"}'
