"""Structured answers (entities, fields, boxes, free text), read from cells and counted row by row."""
