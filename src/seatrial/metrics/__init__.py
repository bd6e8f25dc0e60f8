"""The catalogue: one family a file, listed by name in `catalogue.FAMILIES`."""
