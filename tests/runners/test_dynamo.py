"""dynamo's own words, put into one line: from texts as torch writes them, so that a change of theirs shows."""

import pytest
from harness_plugins.runners.dynamo import graph_break, recompilation

BREAK = """Graph break in user code at /home/me/net.py:14
Graph Break Reason: Encountered graph break when attempting to trace CALL: a function call, e.g. f(x, y):

Failed to trace builtin operator
  Explanation: Dynamo does not know how to trace builtin operator `print` with argument types ['str']
  Hint: Avoid calling builtin `print` with argument types ['str'].

  Developer debug context: builtin print
"""


def test_a_break_is_its_place_and_its_reason_without_hints():
    assert graph_break(BREAK) == (
        "net.py:14: Failed to trace builtin operator: Dynamo does not know how to trace builtin operator "
        "`print` with argument types ['str']"
    )


def test_a_repeated_break_is_known_as_the_same():
    again = BREAK.replace(
        "Graph break in", "Graph break (user stack suppressed due to duplicate graph break) in"
    )
    assert graph_break(again) == graph_break(BREAK)


def test_a_break_without_a_wrapper_is_its_first_sentence():
    text = "Graph break in user code at net.py:3\nGraph Break Reason: Data-dependent branching\n  Hint: x"
    assert graph_break(text) == "net.py:3: Data-dependent branching"


@pytest.mark.parametrize("text", ["", "something else", "Graph break"])
def test_what_is_no_break_is_none(text):
    assert graph_break(text) is None


def test_a_long_reason_is_cut():
    assert len(graph_break(BREAK.replace("Failed", "Failed " * 100))) < 230


def test_a_recompilation_is_the_guard_that_failed_and_the_line_that_made_it():
    reason = "0/0: self.n == 0          # self.n += 1  # me/net.py:7 in forward (HINT: torch.compile considers ...)"
    assert recompilation("forward", "/home/me/net.py", 6, reason) == (
        "forward (net.py:6): self.n == 0 no longer holds (self.n += 1, net.py:7)"
    )


def test_a_recompilation_for_a_shape_says_which():
    reason = "1/0: tensor 'x' size mismatch at index 0. expected 4, actual 8"
    assert recompilation("forward", "net.py", 6, reason) == (
        "forward (net.py:6): tensor 'x' size mismatch at index 0. expected 4, actual 8"
    )


def test_without_a_reason_it_says_so():
    assert recompilation("forward", "net.py", 6, "") == "forward (net.py:6): no reason given"
