"""The demo: two trials sent through a running platform from outside, every figure compared."""
