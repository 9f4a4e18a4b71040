"""Who did what, when, from where, with which outcome and why: entries, their writer, and questions to the log."""
