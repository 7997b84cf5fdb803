"""Defects of the original that belong to no single file. The others stand beside what they concern.

Tests of 1, 2, 6, 7 and one more of 9 are named defect_N, in test_options.py and test_main_command.py. Under other
names: 5, of the webcam, in tests/webcam/test_answer.py (evaluation's preprocessing, the file's own network, on the
device); 8, of augmentation.py, in tests/cli/test_augment_cli.py (test_the_originals_command); 10, of the test set's
report, in test_main_command.py (test_the_script_trains_and_evaluates_in_the_originals_format).
"""

import torch

from recyclenet.checkpoint import load_classifier
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.data.trashnet import official_records
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.original.checkpoint import read_original
from tests.original.reference import forward, make_state, save_original


def test_defect_3_one_class_map_for_lists_and_checkpoints(tmp_path):
    """Three maps disagreed, one of them with metal twice and no cardboard."""
    classes = read_original(save_original(tmp_path / "m.pth.tar", make_state(18))).description.classes
    assert classes == TRASHNET_CLASSES == ("glass", "paper", "cardboard", "plastic", "metal", "trash")
    # Photos are named after their class.
    assert all(record.path.split("/")[2].startswith(record.label) for record in official_records())


def test_defect_9_a_split_is_drawn_by_a_seed_into_the_file_that_is_read(class_folders):
    drawn = split_photo_folder(class_folders, seed=3)
    first = (class_folders / "splits.csv").read_bytes()
    assert open_photo_folder(class_folders) == drawn
    split_photo_folder(class_folders, seed=4, force=True)
    assert (class_folders / "splits.csv").read_bytes() != first
    split_photo_folder(class_folders, seed=3, force=True)
    assert (class_folders / "splits.csv").read_bytes() == first


def test_defect_4_a_batch_of_one(tmp_path):
    """The channel gate's squeeze lost the batch of a single photo."""
    state = make_state(18, ("channel", "spatial"))
    model, _ = load_classifier(save_original(tmp_path / "m.pth.tar", state))
    images = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        one = model(images[:1])
        torch.testing.assert_close(one, forward(state, images)[:1], atol=1e-5, rtol=0)
        torch.testing.assert_close(one, model(images)[:1], atol=1e-5, rtol=0)
