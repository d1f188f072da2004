"""Causes taken away, and measured again in lock-step: what proves a finding, or withdraws it."""
