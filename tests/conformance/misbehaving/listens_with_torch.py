"""A plugin that listens to runs, and imports torch for it."""

import torch

import harness


@harness.hookimpl
def harness_run_started(run):
    torch.manual_seed(run.seed)
