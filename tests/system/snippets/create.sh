# Create a task
curl -X POST http://localhost:8787/api/task \
  -H "Authorization: Bearer your-jwt-token" \
  -H "Content-Type: application/json" \
  -d '{
    "type": "video-processing",
    "priority": 1,
    "payload": {
      "video_url": "https://example.com/video.mp4"
    }
  }'
