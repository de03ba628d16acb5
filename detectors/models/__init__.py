"""Models of what is expected, one a file; `base` is their contract, `MODELS` their names."""
