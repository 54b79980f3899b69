"""Notifier: calls people about what must not wait, until one of them takes it up."""
