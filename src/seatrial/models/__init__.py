"""Models: what turns inputs into predictions, behind one protocol, whatever runs them."""
