"""The model registry: MLflow over HTTP on one side, the cache of verified packages on the other."""
