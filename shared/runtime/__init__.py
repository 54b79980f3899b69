"""How a service runs: one PostgreSQL transaction a Kafka batch, and the rest around it."""
