"""Stopping boundaries: when so many had an event that the trial should stop; all exact."""
