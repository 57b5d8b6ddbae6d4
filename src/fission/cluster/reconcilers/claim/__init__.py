"""PersistentVolumeClaims: directories of this machine are bound at once."""
