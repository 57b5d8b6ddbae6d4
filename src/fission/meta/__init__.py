"""Rules of Kubernetes objects: pure, shared by the client side and by the embedded API server."""
