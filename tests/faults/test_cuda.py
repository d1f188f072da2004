"""What a model can do to a CUDA device: its case says so, and the next one is measured right.

A failed assertion and an illegal access are sticky: the context of their process is of no use any more, whatever
is called in it.
"""

import re

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

EXPECTED = {
    "nothing": ("ok", r"^$"),
    "device-memory": ("out_of_memory", r"out of memory"),
    "device-assert": ("failed", r"^verifying: \w+: CUDA error: device-side assert triggered$"),
    "device-assert-later": ("failed", r"^\w+: \w+: CUDA error: device-side assert triggered$"),
    "illegal-access": ("failed", r"^verifying: \w+: CUDA error: an illegal memory access was encountered$"),
}
PLACE = r"( \(unruly\.py:\d+\))?$"


@pytest.fixture(scope="module")
def swept(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuda")
    return lab.sweep(folder, "unruly.py", "unruly", "does", EXPECTED, "-d", "cuda", "--passes", 2)


@pytest.mark.parametrize("does", EXPECTED)
def test_the_case_says_what_happened_on_the_device(swept, does):
    record = swept.record("does", does)
    status, reason = EXPECTED[does]
    assert record["status"] == status, record["reason"]
    said = re.sub(r"^replicate \d: ", "", record["reason"] or "")
    assert re.search(reason.removesuffix("$") + PLACE if status == "failed" else reason, said), said
    assert "\n" not in said


def test_the_cases_beside_it_are_measured_right(swept):
    record = swept.record("does", "nothing")
    assert (record["status"], record["replicates"]) == ("ok", 2)
    assert record["verification"]["passed"]
    assert swept.done.returncode == 3
    assert swept.report["run"]["status"] == "finished"


def test_nothing_stays_on_the_device(swept):
    free, total = torch.cuda.mem_get_info()
    assert total - free < 2 << 30
