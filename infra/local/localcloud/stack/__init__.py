"""The whole of Dagwarden on one machine: what there is, how it comes to be, how it runs."""
