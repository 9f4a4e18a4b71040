"""Eventarc of the local cloud: triggers, and CloudEvents delivered over Pub/Sub push."""
