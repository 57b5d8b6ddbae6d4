"""What commands may ask for, and the two that answer: the Kubernetes API and the controller."""
