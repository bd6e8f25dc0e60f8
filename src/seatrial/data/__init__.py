"""Tables in, roles found, versions aligned: from files and data frames to the `Frame`."""
