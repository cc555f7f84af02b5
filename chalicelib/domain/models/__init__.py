"""Language models: what is asked and answered, what can fail, and the catalogue of models."""
