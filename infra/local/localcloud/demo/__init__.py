"""The demo: one story of pushes, refusals, drift and a crash, played on a real stack and checked at every step."""
