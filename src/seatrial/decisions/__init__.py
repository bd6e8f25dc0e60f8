"""Decisions: policy in, contrasts in; words, checks and a verdict out. No engine, no frame, no formatting of pages."""
