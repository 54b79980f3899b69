"""The services: each a process, a schema and a role of its own."""
