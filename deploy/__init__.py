"""Composes what the services are run with; nothing imports it."""
