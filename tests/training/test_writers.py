"""What writers write is read back: the page, TensorBoard's records, W&B's records."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from written import Page, board_images, keep_wandb_offline, wandb_picture, wandb_steps

from gradcam_mx import errors, picture
from gradcam_mx.training.writers import HtmlWriter, Snapshot, TensorBoardWriter, WandbWriter

NASTY = "a <b> & \"c\" 'd' $x_1 $y ünï </script>"


def make_snapshot(
    step=0, unit="epoch", captions=("boot 0.93 (true: sneaker)", "bag 0.50"), **changes
):
    draw = np.random.RandomState(step)
    photos = [draw.randint(0, 256, (14, 14, 3), np.uint8) for _ in captions]
    parts = {
        "photos": photos,
        "overlays": {"grad_cam": [255 - photo for photo in photos]},
        "predictions": [9, 8],
        "probabilities": np.array([0.93, 0.5], np.float32),
        "classes": [7, 8],
        "scores": np.array([4.2, -1.0], np.float32),
        "explained": ["boot", "bag"],
        **changes,
    }
    return Snapshot(step, unit, captions=captions, **parts)


@pytest.fixture
def offline(tmp_path, monkeypatch):
    keep_wandb_offline(monkeypatch, tmp_path)
    return tmp_path


# -- snapshots ------------------------------------------------------------------------------------


def test_a_picture_holds_every_photo_and_overlay():
    snapshot = make_snapshot(
        photos=[np.full((8, 8, 3), (200, 0, 0), np.uint8)] * 2,
        overlays={
            "grad_cam": [np.full((8, 8, 3), (0, 150, 0), np.uint8)] * 2,
            "saliency": [np.full((8, 8), 90, np.uint8)] * 2,
        },
    )
    drawn = snapshot.picture()
    assert drawn.dtype == np.uint8
    assert drawn.ndim == 3
    shares = [
        (abs(drawn.astype(int) - color) <= 1).all(axis=-1).sum()
        for color in ((200, 0, 0), (0, 150, 0), (90, 90, 90))
    ]
    # two squares each, of about two inches
    assert all(0.8 < share / shares[0] < 1.25 for share in shares)
    assert shares[0] > 2 * 150**2
    assert snapshot.picture() is drawn


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_any_number_of_samples_fits(count):
    color = np.full((8, 8, 3), (200, 0, 0), np.uint8)
    snapshot = make_snapshot(
        captions=["boot"] * count,
        explained=["boot"] * count,
        scores=np.ones(count),
        photos=[color] * count,
        overlays={"grad_cam": [color] * count},
    )
    drawn = (snapshot.picture() == (200, 0, 0)).all(axis=-1)
    assert drawn.sum() > count * 2 * 150**2
    assert snapshot.picture().shape[1] <= 1400


def test_signals_are_below_each_other():
    panel = np.full((160, 800, 3), (200, 0, 0), np.uint8)
    drawn = make_snapshot(photos=[], overlays={"grad_cam": [panel] * 2}).picture()
    columns = (drawn == (200, 0, 0)).all(axis=-1).any(axis=0)
    assert columns.sum() > 500
    assert (np.diff(np.flatnonzero(columns)) == 1).all()


def test_names_that_look_like_formulas_are_drawn():
    make_snapshot(captions=(NASTY, "$\\bad{$"), explained=("$\\bad{$", "b")).picture()


# -- the folder -----------------------------------------------------------------------------------


def test_the_page_shows_the_newest_snapshot_first(tmp_path):
    writer = HtmlWriter(tmp_path / "new" / "folder")
    snapshots = [make_snapshot(step) for step in (0, 4, 12)]
    for number, snapshot in enumerate(snapshots, start=1):
        writer(snapshot)
        page = Page(writer.folder)
        assert page.of("h2") == ["epoch 12", "epoch 4", "epoch 0"][-number:]
        for found, expected in zip(page.arrays(), snapshots[:number][::-1]):
            np.testing.assert_array_equal(found, expected.picture())
    assert page.of("li") == list(snapshots[0].captions) * 3
    assert sorted(file.name for file in writer.folder.iterdir()) == [
        "epoch-000000.png",
        "epoch-000004.png",
        "epoch-000012.png",
        "index.html",
        "snapshots.json",
    ]


def test_text_is_escaped(tmp_path):
    HtmlWriter(tmp_path, title=NASTY)(make_snapshot(captions=(NASTY, "b"), explained=("b", NASTY)))
    page = Page(tmp_path)
    assert page.of("li") == [NASTY, "b"]
    assert page.of("h1") == page.of("title") == [NASTY]
    assert page.pictures[0]["alt"] == f"{NASTY}; b"


def test_a_folder_is_continued(tmp_path):
    for step in (0, 1):
        HtmlWriter(tmp_path)(make_snapshot(step))
    again = make_snapshot(0, captions=("other", "caption"))
    HtmlWriter(tmp_path)(again)
    page = Page(tmp_path)
    assert page.of("h2") == ["epoch 0", "epoch 1"]
    assert page.of("li")[:2] == ["other", "caption"]
    np.testing.assert_array_equal(page.arrays()[0], again.picture())


def test_batches_and_epochs_do_not_overwrite_each_other(tmp_path):
    writer = HtmlWriter(tmp_path)
    writer(make_snapshot(3))
    writer(make_snapshot(3, unit="batch"))
    assert Page(tmp_path).of("h2") == ["batch 3", "epoch 3"]


@pytest.mark.parametrize("file", ["epoch-000001.png", "index.html"])
def test_what_fails_leaves_everything_as_it_was(file, tmp_path):
    writer = HtmlWriter(tmp_path)
    writer(make_snapshot(0))
    (tmp_path / f".{file}.part{Path(file).suffix}").mkdir()  # nothing can be written there
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(OSError):
        writer(make_snapshot(1))
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert {name: after[name] for name in before} == before
    (tmp_path / f".{file}.part{Path(file).suffix}").rmdir()
    writer(make_snapshot(1))
    assert Page(tmp_path).of("h2") == ["epoch 1", "epoch 0"]


def test_folders_that_cannot_be_made_are_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for make in (HtmlWriter, TensorBoardWriter):
        with pytest.raises(errors.OutputError, match=r"cannot write to .*another folder"):
            make(tmp_path / "file" / "folder")


@pytest.mark.parametrize("text", ["{", "[1]", '[{"name": "a"}]', '{"a": 1}', "3"])
def test_folders_of_somebody_else_are_refused(text, tmp_path):
    (tmp_path / "snapshots.json").write_text(text)
    with pytest.raises(errors.OutputError, match="no list of snapshots"):
        HtmlWriter(tmp_path)


# -- TensorBoard ----------------------------------------------------------------------------------


def test_tensorboard_gets_one_image_a_snapshot(tmp_path):
    snapshots = [make_snapshot(step) for step in (0, 5)]
    with TensorBoardWriter(tmp_path / "log", tag="clothes") as writer:
        for snapshot in snapshots:
            writer(snapshot)
    found = board_images(tmp_path / "log")
    assert [one[:2] for one in found] == [("clothes", 0), ("clothes", 5)]
    for (_, _, pixels), snapshot in zip(found, snapshots):
        np.testing.assert_array_equal(pixels, snapshot.picture())


def test_a_given_summary_writer_stays_open(tmp_path):
    import tensorboardX

    log = tensorboardX.SummaryWriter(str(tmp_path))
    with TensorBoardWriter(log) as writer:
        writer(make_snapshot(0))
    log.add_scalar("loss", 1.0, 1)
    TensorBoardWriter(log)(make_snapshot(2))
    log.close()
    written = b"".join(path.read_bytes() for path in tmp_path.glob("events*"))
    assert b"loss" in written
    assert written.count(b"explanations") == 2


def test_a_closed_tensorboard_is_opened_again(tmp_path):
    writer = TensorBoardWriter(tmp_path)
    for step in (0, 1):
        writer(make_snapshot(step))
        writer.close()
    writer.close()
    assert [one[:2] for one in board_images(tmp_path)] == [("explanations", 0), ("explanations", 1)]


# -- Weights & Biases -----------------------------------------------------------------------------


def test_wandb_gets_one_step_a_snapshot_in_a_run_of_its_own(offline):
    import wandb

    snapshots = [make_snapshot(step) for step in (2, 5)]
    random.seed(3)
    np.random.seed(3)
    with WandbWriter(project="clothes", mode="offline", dir=str(offline)) as writer:
        run = wandb.run
        assert random.random() == random.Random(3).random()
        assert np.random.rand() == np.random.RandomState(3).rand()
        for number, snapshot in enumerate(snapshots):
            assert run.step == number
            writer(snapshot)
        assert run.step == 2
    assert wandb.run is None
    steps = wandb_steps(offline)
    assert [step["_step"] for step in steps] == [0, 1]
    assert [step["explanations_epoch"] for step in steps] == [2, 5]
    for step, snapshot in zip(steps, snapshots):
        assert step["explanations.caption"] == "\n".join(snapshot.captions)
        np.testing.assert_array_equal(wandb_picture(offline, step), snapshot.picture())


def test_an_open_run_is_used_and_stays_open(offline):
    import wandb

    run = wandb.init(project="mine", mode="offline", dir=str(offline))
    try:
        with WandbWriter(key="first", commit=False) as active, WandbWriter(run) as given:
            active(make_snapshot(0))
            run.log({"loss": 1.0})
            given(make_snapshot(0, unit="batch"))
        assert wandb.run is run
        run.log({"loss": 2.0})
    finally:
        run.finish()
    first, second, third = wandb_steps(offline)
    assert (first["loss"], first["first_epoch"], third["loss"]) == (1.0, 0, 2.0)
    assert second["explanations_batch"] == 0
    assert "loss" not in second


class Runs:
    """The part of wandb that begins runs."""

    Error = ValueError
    run = None

    def __init__(self):
        self.begun, self.ended, self.logged = [], 0, []
        self.id = "abc"

    def init(self, **options):
        self.begun.append(options)
        return self.run or self

    def finish(self):
        self.ended += 1

    def log(self, values, commit):
        self.logged.append((values, commit))

    def Image(self, pixels, caption):
        return pixels, caption


def test_a_closed_run_is_resumed(monkeypatch):
    runs = Runs()
    monkeypatch.setitem(sys.modules, "wandb", runs)
    writer = WandbWriter(project="clothes")
    writer.close()
    writer.close()
    writer(make_snapshot(1))
    writer.close()
    assert runs.begun == [
        {"project": "clothes"},
        {"project": "clothes", "id": "abc", "resume": "allow"},
    ]
    assert runs.ended == 2
    ((values, commit),) = runs.logged
    assert values["explanations_epoch"] == 1
    assert commit


def test_an_active_run_that_wandb_gives_back_stays_open(monkeypatch):
    runs = Runs()
    runs.run = runs
    monkeypatch.setitem(sys.modules, "wandb", runs)
    with WandbWriter(project="clothes") as writer:
        writer(make_snapshot(1))
    assert (runs.ended, len(runs.logged)) == (0, 1)


def test_a_run_that_cannot_begin_is_told_at_once(monkeypatch):
    runs = Runs()
    runs.init = lambda **options: (_ for _ in ()).throw(ValueError("no key"))
    monkeypatch.setitem(sys.modules, "wandb", runs)
    with pytest.raises(errors.OutputError, match=r"no key.*offline"):
        WandbWriter(project="clothes")


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("tensorboardX", lambda folder: TensorBoardWriter(folder)),
        ("wandb", lambda folder: WandbWriter(project="clothes")),
    ],
)
def test_missing_packages_are_named(module, make, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(errors.DependencyError, match=rf'{module}: pip .*"gradcam-mx\[train\]"'):
        make(tmp_path)


def test_a_writer_in_five_lines(tmp_path):
    def keep(snapshot):
        picture.save(snapshot.picture(), tmp_path / f"{snapshot.unit}-{snapshot.step}.png")

    keep(make_snapshot(7))
    assert Image.open(tmp_path / "epoch-7.png").size == make_snapshot(7).picture().shape[1::-1]
