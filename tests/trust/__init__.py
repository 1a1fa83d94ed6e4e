"""Does a green mean green? `make trust` runs every program of this package."""
