"""Processes that are measured, each told by its standard input what to do."""
