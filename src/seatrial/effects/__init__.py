"""The spine: a frame and metrics in, estimates and effects out, for every slice at once."""
