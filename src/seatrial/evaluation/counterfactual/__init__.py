"""Counterfactual pairs: the same text about another identity; how often the answer changes, and by how much."""
