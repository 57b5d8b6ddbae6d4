"""Generic pods, one pool per environment: choose, claim, specialize, record, give back."""
