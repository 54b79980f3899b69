"""Audit: every event of every topic, once, in a log that proves it."""
