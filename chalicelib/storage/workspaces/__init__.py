"""The `workspaces` table, and the objects of workspaces in S3."""
