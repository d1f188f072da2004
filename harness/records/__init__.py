"""What the harness remembers: cases, events of a run, and the public report. Types only, no files."""
