"""Experiments: plans, units from exposures and events, health, effects over arms, decisions, post-mortems."""
