"""The randomizer: who gets which arm, once, from a sealed seed; concealed until it is drawn."""
