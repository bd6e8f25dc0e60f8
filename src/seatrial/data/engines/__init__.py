"""Engines beside DuckDB: the same statements, compiled by SQLGlot, run where the tables lie."""
