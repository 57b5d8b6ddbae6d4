"""``fission timetrigger``: functions that are called at times."""
