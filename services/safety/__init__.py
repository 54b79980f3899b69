"""The safety service: adverse events, their classification and reporting clocks."""
