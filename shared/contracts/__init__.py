"""What services say to each other."""
