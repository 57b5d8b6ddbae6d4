"""``fission watch``: functions that are called when objects of Kubernetes change."""
