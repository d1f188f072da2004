"""Starts a thread when it is imported."""

import threading
import time

import harness

threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


@harness.hookimpl
def harness_models():
    return ()
