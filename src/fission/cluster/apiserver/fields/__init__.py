"""What fields the built-in kinds have: strict decoding without a class per kind."""
