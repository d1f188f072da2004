"""The conformance kit: does a plugin keep the contracts? `harness plugins check`, and as tests::

    import pytest
    from harness.conformance import checks

    @pytest.mark.parametrize("check", checks("harness-tiny"), ids=str)
    def test_conforms(check):
        check()

A check is a function beside its name, what it expects and how to mend it (`contract`). It runs in a child
process (`child`) with what it needs at hand (`bench`); `kit` starts the children and reads their ends.
"""

from __future__ import annotations

from harness.conformance.callables import checks

__all__ = ["checks"]
