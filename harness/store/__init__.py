"""Runs on disk: one append-only file a run, and the public report beside it."""
