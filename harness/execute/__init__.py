"""Runs jobs in child processes and a plan from start to end. The parent side never imports torch."""
