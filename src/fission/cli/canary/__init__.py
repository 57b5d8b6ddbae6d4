"""``fission canary``."""
