"""Training data from what people approved and rejected, its export, and models that were trained with it."""
