"""Language models behind one iterator: OpenAI-compatible servers, Anthropic and Ollama, over the guarded HTTP client.

Bedrock speaks through AWS's own client and so lives in chalicelib/storage/aws/bedrock.py, with the same events.
"""
