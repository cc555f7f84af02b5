"""What can be done with tasks, workers and records. Packages by subject, in an order: each imports only lower ones."""
