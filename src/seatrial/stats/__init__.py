"""Numbers in, an interval, a test or a plan out: NumPy and SciPy, no engine, no names."""
