"""Benchmarks: Seatrial against what people use today, and against the best single-purpose code."""
