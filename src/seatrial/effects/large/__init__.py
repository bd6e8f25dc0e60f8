"""Tables too long to hold: what needs the order of rows comes from counts, a stretch of rows after the other."""
