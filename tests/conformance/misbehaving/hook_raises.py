"""Has a catalogue hook that raises."""

import harness


@harness.hookimpl
def harness_models():
    raise LookupError("no models today")
