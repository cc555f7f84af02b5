"""Executions of workflows: start them, carry on when a step has ended, and say how far they are."""
