"""What a machine can do at most: what is measured, and what is held against published peaks."""

from __future__ import annotations

import pytest

from harness import registry
from harness.measure import ceilings, peaks
from harness.records import codec
from harness.records.ceilings import Bandwidth, Ceilings


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ceilings, "SETS_MIB", (0.5, 16.0))
        patch.setattr(ceilings, "DEAR_S", 0.005)
        return ceilings.measure_ceilings("cpu", 1, budget_s=0.2)


def test_every_number_of_the_record_is_measured(measured):
    assert (measured.device, measured.threads) == ("cpu", 1)
    assert measured.device_name
    assert set(measured.matmul_tflops) == {"float32", "bfloat16", "float16"}
    assert all(rate > 0 for rate in measured.matmul_tflops.values())
    assert [b.working_set_mib for b in measured.bandwidth] == [0.5, 16.0]
    assert [b.working_set_mib for b in measured.read_gib_per_s] == [0.5, 16.0]
    assert all(b.gib_per_s > 0 for b in (*measured.bandwidth, *measured.read_gib_per_s))
    assert measured.launch_us > 0
    assert codec.decode(codec.encode(measured), Ceilings) == measured


def test_a_large_working_set_is_gone_through_piece_by_piece_and_all_of_it(monkeypatch):
    monkeypatch.setattr(ceilings, "SETS_MIB", (2.0, 40.0))
    works = {work.key: work for work in ceilings._bandwidths("cpu")}
    assert works["move", 2.0].amount == 3 * 2**20
    large = works["read", 40.0]
    seen = sum(float(large.call()) for _ in range(5))
    assert seen == pytest.approx(20 * 2**20 / 4)  # the product of ones, once for each element of a half
    assert large.amount == 8 * ceilings._PIECE


def test_a_format_that_is_slower_than_float32_is_imitated():
    assert ceilings.emulated({"float32": 0.2, "bfloat16": 0.4, "float16": 0.003}) == ["float16"]
    assert ceilings.emulated({"float32": 0.2, "bfloat16": 0.15}) == []


@pytest.mark.parametrize(
    ("device", "entry"),
    [
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 NVL", "H100 NVL"),
        ("NVIDIA H200", "H200 SXM"),
        ("NVIDIA H200 NVL", "H200 NVL"),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA B200", "B200"),
        ("NVIDIA GB200", None),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB SXM"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB PCIe"),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", None),
        ("NVIDIA A10", "A10"),
        ("NVIDIA A10G", None),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40", None),
        ("NVIDIA L40S", "L40S"),
        ("Tesla T4", "T4"),
        ("Tesla V100-SXM2-16GB", "V100 SXM2"),
        ("Tesla V100-PCIE-32GB", "V100 PCIe"),
        ("NVIDIA GeForce RTX 3090", "RTX 3090"),
        ("NVIDIA GeForce RTX 3090 Ti", None),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA GeForce RTX 5090", "RTX 5090"),
        ("AMD Instinct MI250X", "MI250X (one die)"),
        ("AMD Instinct MI250X / MI250", "MI250 (one die)"),
        ("AMD Instinct MI300X", "MI300X"),
        ("AMD EPYC", None),
    ],
)
def test_a_device_is_known_by_its_name(device, entry):
    found = peaks.published(device, registry.devices())
    assert (found["name"] if found else None) == entry


def test_published_peaks_are_plausible():
    for entry in registry.devices():
        tflops = entry["tflops"]
        assert entry["match"]
        assert 1 < tflops["float16"] / tflops["float32"] < 40, entry["name"]
        assert tflops["float16"] == tflops.get("bfloat16", tflops["float16"]), entry["name"]
        assert 200 < entry["gb_per_s"] < 10_000, entry["name"]


H100 = {"tflops": {"float32": 67, "bfloat16": 989}, "gb_per_s": 3350}


def test_what_a_good_library_reaches_has_no_note():
    assert peaks.notes({"float32": 51, "bfloat16": 690}, [Bandwidth(1024, 2900)], H100) == []
    assert peaks.notes({"float32": 51}, [Bandwidth(1024, 2900)], None) == []


def test_more_than_there_can_be_and_much_less_are_noted():
    above, below = peaks.notes({"float32": 90, "bfloat16": 300}, [Bandwidth(1024, 2900)], H100)
    assert "90 TFLOP/s measured, 67 published (134%)" in above
    assert "wrong" in above
    assert "bfloat16" in below
    assert "30%" in below


def test_bandwidth_is_held_against_its_peak_beyond_the_caches_in_the_vendors_unit():
    (note,) = peaks.notes({}, [Bandwidth(2, 9000), Bandwidth(1024, 1000)], H100)
    assert "1074 GB/s measured, 3350 published" in note
