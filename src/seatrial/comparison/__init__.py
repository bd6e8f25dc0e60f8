"""Versions side by side: from predictions to a scorecard."""
