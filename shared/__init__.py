"""What the services share: the contracts between them and the runtime below them."""
