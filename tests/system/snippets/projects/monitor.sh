#!/bin/bash

# Configuration
API_BASE="http://localhost:3000/api/v1"
API_KEY="your-api-key"

# Helper function for API calls
api_call() {
  curl -s -H "Authorization: Bearer $API_KEY" \
       -H "Content-Type: application/json" \
       "$@"
}

# Create a task
create_task() {
  api_call -X POST "$API_BASE/tasks" -d '{
    "title": "Build user registration",
    "description": "Implement user registration with email verification",
    "priority": "high",
    "projectId": "proj-123"
  }' | jq '.data.id' -r
}

# Monitor task status
monitor_task() {
  local task_id=$1
  while true; do
    status=$(api_call "$API_BASE/tasks/$task_id" | jq '.data.status' -r)
    progress=$(api_call "$API_BASE/tasks/$task_id" | jq '.data.progress' -r)
    
    echo "Task $task_id: $status (${progress}% complete)"
    
    if [[ "$status" == "completed" || "$status" == "failed" ]]; then
      break
    fi
    
    sleep 5
  done
}

# Example usage
TASK_ID=$(create_task)
echo "Created task: $TASK_ID"
monitor_task "$TASK_ID"
