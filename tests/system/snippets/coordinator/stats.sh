# Worker Stats
curl -s http://localhost:8000/api/workers/stats/summary | jq .
