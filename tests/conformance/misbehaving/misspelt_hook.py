"""Marks a hook that does not exist."""

import harness


@harness.hookimpl
def harness_model():
    return ()
