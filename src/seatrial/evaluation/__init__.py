"""Evaluation of one model before launch: what a benchmark number alone does not say."""
