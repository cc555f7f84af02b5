"""Language models: the catalogue, and streamed answers."""
