"""Writes plugin packages for authors to begin with."""
