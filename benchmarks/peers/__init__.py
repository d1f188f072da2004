"""Two ways of measuring the seed's suite by hand, written without the harness and without its plugins."""

COMPILED, REUSED, RAN_EAGER = "compiled", "reused", "eager"
"""What a cell called `compile` ran: code compiled for it, code compiled for an earlier cell, or none."""
