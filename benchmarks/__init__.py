"""How fast and how right the harness itself is, beside its peers: one command each, run from the root.

python -m benchmarks.startup      how quickly the command line answers, and that it never loads torch
python -m benchmarks.isolation    what a fresh process for each replicate costs
python -m benchmarks.seed_suite   what a whole suite costs, beside two ways of doing it by hand

This machine's speed changes from minute to minute, so what is compared is measured in turns within
one run, and ratios are what is reported. Not shipped with the package.
"""
