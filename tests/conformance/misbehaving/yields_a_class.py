"""Yields a class instead of an instance."""

import harness


class Tiny(harness.Model):
    name = "tiny"
    summary = "never made"


@harness.hookimpl
def harness_models():
    yield Tiny
