"""Conditions of a team's own, written in CEL: what is said of a push beyond the sections of the policy."""
