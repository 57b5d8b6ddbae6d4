"""The embedded cluster: a small Kubernetes for one machine; does not know serverless exists."""
