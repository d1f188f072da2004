"""Prints when it is imported."""

import harness

print("hello from a plugin")


@harness.hookimpl
def harness_models():
    return ()
