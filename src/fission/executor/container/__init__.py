"""A Deployment of the Function's own image per Function: no environment, no package."""
