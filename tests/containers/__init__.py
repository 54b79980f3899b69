"""Kafka and PostgreSQL in containers: the other way to get servers for tests."""
