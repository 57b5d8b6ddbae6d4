"""``fission support``: what helps whoever looks into a problem."""
