"""ReplicaSets: as many pods as declared, adopted, released and replaced at once."""
