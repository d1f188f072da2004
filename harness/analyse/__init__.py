"""Pure functions from stored events to the public report. Nothing derived is ever stored."""
