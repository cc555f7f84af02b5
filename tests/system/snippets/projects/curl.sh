curl -X POST "http://localhost:3000/api/auth/login" \
  -H "Content-Type: application/json" \
  -d '{
    "email": "admin@orchestrator.com",
    "password": "admin123"
  }'

curl -X GET "http://localhost:3000/api/tasks" \
  -H "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."

curl -X POST "http://localhost:3000/api/auth/api-keys" \
  -H "Authorization: Bearer YOUR_JWT_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "My Integration",
    "permissions": ["tasks:read", "tasks:write", "agents:read"]
  }'

curl -X GET "http://localhost:3000/api/tasks" \
  -H "X-API-Key: ak_1234567890abcdef..."

curl -X POST "http://localhost:3000/api/auth/refresh" \
  -H "Content-Type: application/json" \
  -d '{
    "refreshToken": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."
  }'

curl -X POST "http://localhost:3000/api/v1/tasks" \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "title": "Task title",
    "description": "Task description",
    "priority": "high"
  }'

curl -X GET "http://localhost:3000/api/v1/tasks" \
  -H "Authorization: Bearer YOUR_TOKEN"

curl -X GET "http://localhost:3000/api/v1/tasks?status=active&priority=high" \
  -H "Authorization: Bearer YOUR_TOKEN"

curl -X GET "http://localhost:3000/api/v1/tasks?search=authentication&page=2&limit=10" \
  -H "Authorization: Bearer YOUR_TOKEN"

curl -X GET "http://localhost:3000/api/v1/tasks?projectId=proj-123&tags=frontend,react" \
  -H "Authorization: Bearer YOUR_TOKEN"

curl -X GET "http://localhost:3000/api/v1/tasks/task-123" \
  -H "Authorization: Bearer YOUR_TOKEN"

curl -X GET "http://localhost:3000/api/v1/tasks/task-123?include=comments,files,history,metrics" \
  -H "Authorization: Bearer YOUR_TOKEN"

curl -X POST "http://localhost:3000/api/v1/tasks/task-123/files" \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -F "file=@./design-mockup.png" \
  -F "description=UI mockup for authentication screen"

curl -X GET "http://localhost:3000/api/v1/agents?type=coding" \
  -H "Authorization: Bearer YOUR_TOKEN"

curl -X GET "http://localhost:3000/api/v1/agents?available=true&capabilities=react" \
  -H "Authorization: Bearer YOUR_TOKEN"
