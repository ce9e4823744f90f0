from __future__ import annotations

import time

import datasets
import pytest

from spex_data.data import read_examples
from spex_data.errors import DataError

LABELS = datasets.ClassLabel(names=["card", "cash"])


def read(source, **options):
    return read_examples(
        str(source), task="classification", input_column="text", output_column="label", **options
    )


def dataset(labels=(1, 0)):
    features = datasets.Features({"text": datasets.Value("string"), "label": LABELS})
    texts = [f"t{i}" for i in range(len(labels))]
    return datasets.Dataset.from_dict({"text": texts, "label": list(labels)}, features=features)


class TestDirectories:
    """A data set on disk is read like a file, class labels by their names."""

    def test_a_saved_dataset_is_read_with_the_names_of_its_classes(self, tmp_path):
        dataset().save_to_disk(tmp_path / "saved")
        assert read(tmp_path / "saved").outputs == ("cash", "card")

    def test_the_split_of_a_saved_dictionary_is_chosen(self, tmp_path):
        splits = {"train": dataset(), "test": dataset([0])}
        datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
        assert len(read(tmp_path / "saved")) == 2
        assert len(read(tmp_path / "saved", split="test")) == 1

    def test_a_split_that_does_not_exist_lists_those_that_do(self, tmp_path):
        datasets.DatasetDict({"train": dataset()}).save_to_disk(tmp_path / "saved")
        with pytest.raises(DataError, match="no split 'test'; choose one of its splits: train"):
            read(tmp_path / "saved", split="test")

    def test_a_saved_dataset_without_splits_is_not_taken_for_a_test_split(self, tmp_path):
        dataset().save_to_disk(tmp_path / "saved")
        with pytest.raises(DataError, match="one unnamed split, not 'test'"):
            read(tmp_path / "saved", split="test")

    def test_a_class_label_of_minus_1_is_no_label(self, tmp_path):
        dataset([0, -1]).save_to_disk(tmp_path / "saved")
        with pytest.raises(DataError, match="row 1 has a label"):
            read(tmp_path / "saved")

    def test_a_directory_of_data_files_is_read_by_split(self, tmp_path, monkeypatch):
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        folder = tmp_path / "files"
        folder.mkdir()
        (folder / "train.csv").write_text("text,label\na,x\nb,y\n")
        (folder / "test.csv").write_text("text,label\nc,x\n")
        assert read(folder).inputs == ("a", "b")
        assert read(folder, split="test").inputs == ("c",)
        with pytest.raises(DataError, match=r"cannot be loaded .*nosplit"):
            read(folder, split="nosplit")

    def test_code_beside_the_data_is_not_run(self, tmp_path, monkeypatch):
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        folder = tmp_path / "script"
        folder.mkdir()
        (folder / "script.py").write_text("raise SystemExit('ran')\n")
        with pytest.raises(DataError):
            read(folder)

    def test_an_empty_directory_is_refused(self, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(DataError, match="cannot be loaded"):
            read(tmp_path / "empty")


class TestHubOutOfReach:
    """Without a network the answer comes at once and says what to do."""

    def test_an_unreachable_hub_is_said_within_seconds(self, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
        started = time.monotonic()
        with pytest.raises(
            DataError, match=r"nobody/nothing: is no file here, and the hub .* cannot be reached"
        ):
            read("nobody/nothing")
        assert time.monotonic() - started < 10

    def test_the_progress_bars_of_others_are_left_as_they_were(self, tmp_path):
        datasets.enable_progress_bars()
        dataset().save_to_disk(tmp_path / "saved")
        read(tmp_path / "saved")
        assert datasets.is_progress_bar_enabled()
