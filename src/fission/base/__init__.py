"""What one would wish for in the standard library; knows nothing of Kubernetes or functions."""
