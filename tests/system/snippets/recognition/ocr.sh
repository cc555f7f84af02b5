# Solve CAPTCHA
curl -X POST http://localhost:8019/ocr \
  -H "Content-Type: application/json" \
  -d '{"image": "base64..."}' | jq .
