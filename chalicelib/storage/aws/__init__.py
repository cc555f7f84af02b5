"""How AWS is reached: DynamoDB, SQS, S3, SSM and the WebSocket API."""
