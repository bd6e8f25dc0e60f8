"""Actions: one plain function for each thing a user can do; the command line and every other door call these."""
