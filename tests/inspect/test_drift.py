"""Two stores compared: what is found, what is said, and what is refused."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import drifting
import numpy as np
import pytest
import stores
from prometheus_text import parsed

import gradcam_mx as gm
from gradcam_mx.errors import InputError, OutputError
from gradcam_mx.inspect.map_statistics import masses, of_masses
from gradcam_mx.store import Store, manifest
from gradcam_mx.store.columns import Traits
from gradcam_mx.support.intervals import deviations, difference_of_shares

ALPHA = 0.01


def rows(count, seed, start=0, shift=0.0, size=(6, 6), signed=False, **given):
    """Samples whose maps have more mass at the top as `shift` grows."""
    draws, found = np.random.RandomState(seed), []
    for number in range(count):
        label = int(draws.randint(3))
        one = draws.rand(*size)
        one[2 + label] += 3
        one[0] += shift * draws.rand(size[1])
        predicted = label if draws.rand() < 0.8 else int(draws.randint(3))
        found.append(
            stores.row(
                number,
                one - 0.5 if signed else one,
                label=label,
                predicted=predicted,
                score=float(draws.randn()),
                probability=float(draws.rand()),
                sha256=f"{start + number + 1:064x}"[::-1],
                **given,
            )
        )
    return found


def write(folder, found, **more):
    return stores.written(folder, found, **more)


def compared(*places, **options):
    options = {"permutations": 199, "progress": False, **options}
    return gm.inspect.drift(*places, **options)


@pytest.fixture
def same(tmp_path):
    return [write(tmp_path / name, rows(90, seed, 1000 * seed)) for seed, name in enumerate("ab")]


@pytest.fixture
def shifted(tmp_path):
    return [
        write(tmp_path / "a", rows(90, 0)),
        write(tmp_path / "b", rows(90, 1, 1000, shift=1.0)),
    ]


# ------------------------------------------------------------------------------------ what is found


def test_no_alarm_where_nothing_has_changed(same):
    found = compared(*same)
    assert not found
    assert not found.has_drifted
    assert found.drifted == []
    assert found.shared == 0
    names = [row.name for row in found.rows]
    of_maps = ["centre_y", "centre_x", "spread", "entropy", "border", "from_class"]
    assert names == [
        "predicted", "accuracy", "score", "probability", *(f"grad_cam.{one}" for one in of_maps)
    ]  # fmt: skip


def test_maps_that_have_changed_are_an_alarm_and_scores_are_none(shifted):
    found = compared(*shifted)
    assert found
    assert {row.name for row in found.drifted} >= {"grad_cam.centre_y", "grad_cam.border"}
    assert not found["score"].is_drift
    row = found["grad_cam.centre_y"]
    assert row.difference < 0
    assert row.low < row.difference < row.high < 0
    reference, current = found.mean_maps["grad_cam"]
    assert (current - reference)[0].min() > 0


def test_rows_are_those_of_plain_loops(shifted):
    found = compared(*shifted)
    both = [list(Store(one)) for one in shifted]
    shares, right, top, heights = [], [], [], []
    for samples in both:
        right.append(sum(one.label == one.predicted for one in samples) / len(samples))
        top.append(sum(one.probability for one in samples) / len(samples))
        shares.append([sum(s.predicted == c for s in samples) / len(samples) for c in range(3)])
        maps = np.stack([one.map("grad_cam") for one in samples])
        heights.append(of_masses(masses(maps, signed=False))["centre_y"])
    for name, expected in (("accuracy", right), ("probability", top)):
        row = found[name]
        assert (row.reference, row.current) == pytest.approx(expected)
        assert row.difference == pytest.approx(expected[1] - expected[0])
        assert row.samples == (90, 90)
    assert [(one.reference, one.current) for one in found.classes] == list(zip(*shares))
    most = max(range(3), key=lambda c: abs(shares[0][c] - shares[1][c]))
    assert found["predicted"].reference == shares[0][most]
    assert found["predicted"].title.endswith(f"most class {most}")
    counts = [sum(one.predicted == most for one in samples) for samples in both]
    row = found["predicted"]  # its interval holds for all three classes at once
    expected = difference_of_shares((counts[0], 90), (counts[1], 90), z=deviations(of=3))
    assert (row.low, row.high) == pytest.approx(expected)
    row, (first, second) = found["grad_cam.centre_y"], heights
    assert (row.reference, row.current) == pytest.approx((first.mean(), second.mean()))
    half = 1.959963984540054 * math.sqrt(first.var(ddof=1) / 90 + second.var(ddof=1) / 90)
    gap = second.mean() - first.mean()
    assert (row.low, row.high) == pytest.approx((gap - half, gap + half))


def test_of_signed_maps_what_speaks_for_the_class_counts(tmp_path):
    traits = Traits("LRP", None, True, False)
    place = write(tmp_path / "a", rows(40, 0, signed=True), traits=traits)
    other = write(tmp_path / "b", rows(40, 1, 1000, signed=True), traits=traits)
    found = compared(place, other)
    maps = np.stack([one.map("grad_cam") for one in Store(place)])
    assert maps.min() < 0
    expected = of_masses(np.maximum(maps, 0) / np.maximum(maps, 0).sum((1, 2), keepdims=True))
    assert found["grad_cam.entropy"].reference == pytest.approx(expected["entropy"].mean())
    assert found["grad_cam.entropy"].title == "LRP: entropy"


def test_samples_without_a_result_or_with_a_flat_map_are_compared_by_how_many_they_are(tmp_path):
    clean, damaged = rows(80, 0), rows(80, 1, 1000)
    for number in range(30):
        damaged[number] = stores.failed(number)
    for number in range(30, 60):
        damaged[number].update(stores.columns.packed(np.zeros((6, 6), np.float32)))
        damaged[number]["grad_cam.scale"] = 0.0
        damaged[number]["grad_cam.map"] = np.zeros((6, 6), "<f2").tobytes()
    found = compared(write(tmp_path / "a", clean), write(tmp_path / "b", damaged))
    assert {row.name for row in found.drifted} >= {"failed", "grad_cam.flat"}
    assert found["failed"].current == pytest.approx(30 / 80)
    assert found["grad_cam.flat"].current == pytest.approx(30 / 50)
    assert found["grad_cam.centre_y"].samples == (80, 20)


def test_measures_and_shares_of_concepts_are_compared(tmp_path):
    def some(seed, shift):
        draws = np.random.RandomState(seed)
        found = rows(60, seed, 1000 * seed)
        for one in found:
            one["grad_cam.sparseness"] = draws.rand()
            one["grad_cam.stripes"] = draws.rand() + shift
        return found

    places = [
        write(tmp_path / name, some(seed, seed), metrics=("sparseness", "stripes"))
        for seed, name in enumerate("ab")
    ]
    found = compared(*places)
    assert found["grad_cam.stripes"].is_drift
    assert not found["grad_cam.sparseness"].is_drift
    with pytest.raises(InputError, match=r"no column 'concept\.3' in both stores"):
        compared(*places, concepts=["concept.3"])


def test_labels_are_not_needed(tmp_path):
    unknown = [{**one, "label": None} for one in rows(30, 0)]
    found = compared(write(tmp_path / "a", unknown), write(tmp_path / "b", rows(30, 1, 1000)))
    assert "accuracy" not in [row.name for row in found.rows]


def test_of_many_samples_some_are_drawn_the_same_of_both(same, tmp_path):
    found = compared(*same, at_most=40)
    assert (found.counts, found.drawn) == ((90, 90), (40, 40))
    assert compared(*same, at_most=40).to_records() == found.to_records()
    assert compared(*same, at_most=40, seed=1)["score"] != found["score"]
    assert "reference 40 of 90, current 40 of 90" in repr(found)
    copy = write(tmp_path / "c", rows(90, 0)[::-1])
    found = compared(same[0], copy, at_most=40)
    assert found["score"].samples == (40, 40)
    assert found["score"].difference == pytest.approx(0)  # the same forty


def test_samples_in_both_stores_are_told_and_change_places_with_their_like(tmp_path):
    before = rows(60, 0)
    after = [{**one, "score": one["score"] + 0.2} for one in before]
    places = [write(tmp_path / "a", before), write(tmp_path / "b", after)]
    found = compared(*places)
    assert found.shared == 60
    assert any("60 samples are in both stores" in one for one in found.notes)
    # a fifth of a standard deviation is not found between two samples of sixty that are not paired
    assert found["score"].is_drift
    assert found["score"].low == pytest.approx(0.2, abs=1e-6)
    assert not found["grad_cam.centre_y"].is_drift
    others = [{**one, "sha256": f"{n + 1:064x}"} for n, one in enumerate(after)]
    assert not compared(places[0], write(tmp_path / "c", others))["score"].is_drift


# ------------------------------------------------------------------------ what cannot be compared


def change(place, **fields):
    """The same store, which says something else of itself."""
    replace(manifest.read(place), **fields).write(place)
    return place


def test_other_nets_and_versions_are_said(same):
    change(
        same[1],
        net={"structure": "s", "parameters": "q"},
        surroundings={"versions": {"gradcam_mx": "9"}},
    )
    found = compared(*same)
    assert any("nets differ in their parameters" in one for one in found.notes)
    assert any("other versions: gradcam_mx – and 9" in one for one in found.notes)
    assert "note: the nets differ" in repr(found)


def test_what_has_other_classes_or_targets_is_left_out(same):
    change(same[0], class_names=["a", "b", "c"])
    found = compared(*same)
    assert found["predicted"].title.rpartition(" ")[2] in "abc"
    change(same[1], class_names=["x", "y", "z"])
    found = compared(*same)
    names = [row.name for row in found.rows]
    assert "classes have other names" in repr(found)
    assert "predicted" not in names
    assert "score" in names
    change(same[1], target=2)
    found = compared(*same)
    assert [row.name for row in found.rows] == ["probability"]
    assert any("what is explained is not the same" in one for one in found.notes)


def test_maps_of_other_sizes_are_compared_by_what_does_not_depend_on_it(same, tmp_path):
    larger = write(tmp_path / "c", rows(60, 3, 5000, size=(12, 12)))
    found = compared(same[0], larger)
    of_maps = [row.name for row in found.rows if row.name.startswith("grad_cam")]
    assert of_maps == ["grad_cam.centre_y", "grad_cam.centre_x", "grad_cam.spread"]
    assert any("sizes 6 × 6 and 12 × 12" in one for one in found.notes)
    assert found.mean_maps == {}


def test_maps_of_other_methods_layers_and_options_are_left_out(same, tmp_path):
    others = [{**one} for one in rows(40, 4, 7000)]
    traits = Traits("Grad-CAM", "features.3", False, False)
    layer = write(tmp_path / "c", others, traits=traits)
    found = compared(same[0], layer)
    assert not [row for row in found.rows if row.name.startswith("grad_cam")]
    assert any(
        "explains layer features.7 in the reference and features.3" in n for n in found.notes
    )
    change(layer, net={"structure": "t", "parameters": "q"})
    found = compared(same[0], layer)
    assert [row for row in found.rows if row.name.startswith("grad_cam")]
    change(same[1], methods={"grad_cam": manifest.OfMethod(options={"samples": 3})})
    assert any("run with other options" in one for one in compared(*same).notes)
    with pytest.raises(InputError, match="no method 'lime' in both stores; they have grad_cam"):
        compared(*same, method="lime")


def test_a_signal_and_a_store_that_is_filtered(tmp_path):
    def signals(seed):
        draws = np.random.RandomState(seed)
        return [
            stores.row(n, draws.rand(30), label=n % 2, sha256=f"{seed}{n:07x}" + "0" * 56)
            for n in range(1, 61)
        ]

    places = [write(tmp_path / name, signals(seed)) for seed, name in enumerate("ab")]
    found = compared(Store(places[0]).filter(label=1), places[1])
    assert found.counts == (30, 60)
    assert "grad_cam.centre_x" in [row.name for row in found.rows]
    assert "grad_cam.centre_y" not in [row.name for row in found.rows]
    assert gm.drift_page(found, tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alpha": 1}, "alpha is 1; expected a share"),
        ({"permutations": 50}, "expected 99 permutations or more"),
        ({"permutations": 1.5}, "permutations is 1.5; expected 1 or more"),
        ({"at_most": 1}, "at_most is 1; expected 2 or more"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
    ],
)
def test_options_that_do_not_fit_are_refused(same, options, said):
    with pytest.raises(InputError, match=said):
        compared(*same, **options)


def test_stores_with_nothing_to_compare_are_refused(same, tmp_path):
    with pytest.raises(InputError, match="has 1 samples; expected 2 or more"):
        compared(same[0], write(tmp_path / "one", rows(1, 0)))
    with pytest.raises(InputError, match="there is no store in"):
        compared(same[0], tmp_path / "nowhere")
    failed = write(tmp_path / "failed", [stores.failed(number) for number in range(4)])
    found = compared(same[0], failed)
    assert [row.name for row in found.rows] == ["failed"]
    assert "only large differences" in repr(found)
    found.plot()


# ------------------------------------------------------------------------------- tables and figures


def test_it_prints_as_a_table_and_shows_itself(shifted):
    found = compared(*shifted)
    lines = repr(found).splitlines()
    assert lines[0].split() == (
        "reference current difference 95 % interval p corrected p".split()  # noqa: SIM905
    )
    assert len(lines) == 2 + len(found.rows) + 4
    assert sum(line.endswith("drift") for line in lines) == len(found.drifted)
    assert found.verdict.startswith(f"drift: {len(found.drifted)} of {len(found.rows)} differ")
    assert found._repr_html_().count("<tr>") == 1 + len(found.rows)
    figure = found.plot("June and July")
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes if axes.get_visible()]
    assert "Grad-CAM: share at the border (drift)" in titles
    assert titles[-1] == "predicted classes"
    one = found.distributions["score"]
    assert one.reference.sum() == pytest.approx(1)
    assert one.current.sum() == pytest.approx(1)


def test_the_table_is_written_for_other_programs(shifted, tmp_path):
    found = compared(*shifted)
    with found.to_csv(tmp_path / "drift.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [one["name"] for one in lines] == [row.name for row in found.rows]
    assert [float(one["corrected_p"]) for one in lines] == [row.corrected_p for row in found.rows]
    assert [one["is_drift"] for one in lines] == [str(row.is_drift) for row in found.rows]
    assert lines[0]["reference_samples"] == "90"


def test_prometheus_reads_what_was_found(shifted, tmp_path):
    found = replace(compared(*shifted), reference='a "store"\\June')
    path = found.to_prometheus(tmp_path / "drift.prom")
    read = parsed(path.read_text(encoding="utf-8"))
    prefix = "gradcam_mx_drift"
    stores_of = {"reference": found.reference, "current": found.current}
    assert read[f"{prefix}_detected"][2] == [(stores_of, 1.0)]
    for metric, field in (("corrected_p_value", "corrected_p"), ("current_value", "current")):
        values = {labels["quantity"]: one for labels, one in read[f"{prefix}_{metric}"][2]}
        assert values == {row.name: getattr(row, field) for row in found.rows}
    assert [one for _, one in read[f"{prefix}_samples"][2]] == [90, 90]
    with pytest.raises(OutputError, match=r"files named \*\.prom alone"):
        found.to_prometheus(tmp_path / "drift.txt")


def test_the_exporter_never_sees_a_file_that_is_being_written(shifted, tmp_path, monkeypatch):
    seen, found, move = [], compared(*shifted), Path.replace

    def look(part, target):
        seen.append(sorted(one.suffix for one in tmp_path.iterdir() if one.is_file()))
        return move(part, target)

    monkeypatch.setattr(Path, "replace", look)
    found.to_prometheus(tmp_path / "drift.prom")
    assert seen == [[".new"]]
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["drift.prom"]


# --------------------------------------------------------------------------------------- real nets


@pytest.fixture(scope="module")
def nets():
    return drifting.trained(0, 600, 6), drifting.trained(1, 600, 6)


@pytest.fixture(scope="module")
def clean(nets):
    x, labels = drifting.pictures(600, 0)
    return drifting.rows(nets[0], x, labels)


@pytest.mark.parametrize("change", drifting.CHANGES)
def test_what_has_really_changed_is_an_alarm(change, nets, clean, tmp_path):
    x, labels = drifting.pictures(300, 1)
    after = drifting.changed(change, *nets, x, labels)
    places = [
        drifting.written(tmp_path / name, found)
        for name, found in (("a", clean), ("b", after), ("c", drifting.rows(nets[0], x, labels)))
    ]
    assert compared(*places[:2]), change
    assert not compared(places[0], places[2])


@pytest.mark.slow
def test_random_halves_of_a_store_are_as_rarely_an_alarm_as_alpha(clean, tmp_path):
    draws, alarms, runs = np.random.RandomState(0), 0, 100
    for run in range(runs):
        both = np.array_split(draws.permutation(len(clean)), 2)
        places = [
            drifting.written(tmp_path / f"{run}-{part}", [clean[one] for one in half])
            for part, half in enumerate(both)
        ]
        alarms += bool(compared(*places, alpha=ALPHA, seed=run))
    # of a binomial distribution more than four are as rare as 0.4 %
    assert alarms <= 4


def test_on_both_contexts_the_same_is_found(ctx, tmp_path):
    net = drifting.trained(2, count=60, epochs=1, ctx=ctx)
    x, labels = drifting.pictures(40, 2)
    place = drifting.written(tmp_path / "a", drifting.rows(net, x, labels))
    found = compared(place, place)
    assert not found
    assert found.shared == 40
    assert {row.difference for row in found.rows} == {0.0}
