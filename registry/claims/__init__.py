"""Claims as data: `harness claims NAME`. No code."""
