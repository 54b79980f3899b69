"""How fast the platform is beside loops that do the least that could do the same; `make bench`."""
