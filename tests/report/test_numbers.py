"""Numbers as people read them, and strangers' text made harmless."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.numbers import duration, half_width, percent, safe, seconds, significant, small


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0213, "4.02"),
        (0.14849, "0.148"),
        (12.345, "12.3"),
        (1230.4, "1 230"),
        (15943.0, "15 900"),
        (1234567.0, "1 230 000"),
        (9.996, "10.0"),
        (99.96, "100"),
        (999.6, "1 000"),
        (-4.0213, "-4.02"),
        (0.0, "0"),
        (0.00102, "0.00102"),
        (0.001, "0.00100"),
        (0.00099, "9.90e-4"),
        (0.0000123, "1.23e-5"),
        (9.99e14, "999 000 000 000 000"),
        (1e15, "1.00e+15"),
        (1e20, "1.00e+20"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_a_number_has_three_significant_digits(value, text):
    assert significant(value) == text


@given(st.floats(1e-30, 1e30), st.integers(1, 6))
def test_a_number_that_is_shown_is_within_half_a_digit_of_the_truth(value, digits):
    shown = float(significant(value, digits).replace(" ", ""))
    last = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    assert abs(shown - value) <= 0.5000001 * last


@given(st.floats(1e-3, 9.99e14))
def test_no_number_of_everyday_size_has_an_exponent(value):
    assert "e" not in significant(value)


@given(st.floats(1e-6, 1e12), st.floats(1e-6, 1e12))
def test_the_larger_of_two_numbers_is_never_shown_as_the_smaller(a, b):
    shown = [float(significant(v).replace(" ", "")) for v in sorted((a, b))]
    assert shown[0] <= shown[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.3e-6, "8e-6"), (0.0312, "0.031"), (0.31, "0.31"), (0.0, "0"), (1e-12, "1e-12"), (1.4142, "1.4")],
)
def test_an_error_has_as_many_digits_as_it_is_worth(value, text):
    assert small(value) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_known_is_a_dash(value):
    assert small(value) == percent(value) == significant(value) == "-"
    assert seconds(None) == "-"


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0"), (2.54, "2.5"), (9.94, "9.9"), (9.96, "10"), (73.2, "73")]
)
def test_seconds_have_tenths_below_ten(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4, "0 s"),
        (45, "45 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (3900, "1 h 5 min"),
        (90_000, "25 h"),
    ],
)
def test_a_duration_is_written_as_it_is_said(value, text):
    assert duration(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0042, "0.4 %"), (0.0096, "1 %"), (0.02, "2 %"), (0.304, "30 %")]
)
def test_a_share_is_written_in_per_cent(share, text):
    assert percent(share) == text


def test_the_half_width_of_an_interval_is_half_of_it_on_the_log_scale():
    assert half_width(4.0 / 1.02, 4.0 * 1.02) == pytest.approx(0.02)
    assert half_width(3.0, 3.0) == 0
    assert half_width(None, 4.0) is half_width(4.0, None) is half_width(0.0, 4.0) is None


@given(st.text())
def test_text_of_a_stranger_cannot_move_the_cursor_or_start_a_line(text):
    shown = safe(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


def test_what_is_not_printable_is_made_visible():
    assert safe("a\x1b[31mred\nb\u202e") == r"a\x1b[31mred\nb\u202e"
