"""How AWS is reached: DynamoDB, SQS, S3, SSM, Bedrock and the WebSocket API."""
