"""A whole trial played through before it starts: sites that enrol, caps that bind, arms drawn."""
