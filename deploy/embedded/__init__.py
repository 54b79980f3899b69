"""Real servers and the services as child processes that die with us."""
