"""Language models: the catalogue, the model that an org has chosen, and calls of models with retries and fallbacks."""
