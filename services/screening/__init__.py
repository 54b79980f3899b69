"""Screening: whether a person may enter a trial, by each criterion, and why."""
