"""Tables in, roles found, versions aligned: from files and data frames to the `Frame` that everything above computes on."""
