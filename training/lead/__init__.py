"""The lead-melody extractor: rendered mixes with known melody, features, model, training."""
