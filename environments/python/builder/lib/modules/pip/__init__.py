"""Stands for pip where a build says ``python3 -m pip``; pip itself lives with the platform."""
