"""Figures of a real stack on this machine: `python -m tests.benchmarks [NAME …]` writes results.json and results.md."""
