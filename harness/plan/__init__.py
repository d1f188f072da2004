"""From options and suites to an ordered list of unique cases, checked against this machine."""
