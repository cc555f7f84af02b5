"""Names of pools whose tasks Yardmaster performs itself. They stand apart, so that what only names one imports no rules
of models and workflows."""

MODELS_POOL = "models"
"""The tasks that call models, and the name of their queue."""
EXECUTIONS_POOL = "studio-workflows"
"""Executions of workflows."""
STEPS_POOL = "studio-steps"
"""The steps of workflows that call no model."""
