"""Timer: calls functions at the times of a cron expression."""
