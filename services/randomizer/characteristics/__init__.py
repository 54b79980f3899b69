"""Operating characteristics of designs: what balance costs in predictability, before a trial."""
