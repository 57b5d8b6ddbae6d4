"""``fission httptrigger``: public routes to functions."""
