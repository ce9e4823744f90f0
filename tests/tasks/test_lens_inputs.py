from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from spex_data.errors import ConfigError, ModelError
from spex_data.study import parse_study
from tasks.lens_inputs import explained_model, lens_inputs
from tasks.run_folder import RunFolder
from tests.training.tiny_models import LABELS, tiny_model

TEXT = "press the red knob"


@pytest.fixture
def checkpoint(tmp_path):
    """A classifier with labels of its own, as a folder."""
    base = tiny_model("bert")
    base.model.config.id2label = dict(enumerate(LABELS))
    base.model.config.label2id = {label: number for number, label in enumerate(LABELS)}
    base.model.save_pretrained(tmp_path / "model")
    base.tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def study_of(checkpoint, lens="features", answer="go", **changes):
    asks = {"features": {"text": TEXT, "answer": answer, "masking": "deletion"}}
    if lens == "components":
        rows = checkpoint.parent / "rows.csv"
        rows.write_text(f"text,label\n{TEXT},go\nred flat door,stop\n")
        asks = {"targets": {"from": str(rows), "output": "log-prob"}}
    return parse_study(
        {
            "name": "as-it-is",
            "lens": lens,
            "data": {"task": "classification", "text": "text", "label": "label"},
            "model": {"source": str(checkpoint), "device": "cpu", "finetune": False},
            **asks,
            **changes,
        }
    )


def log_probabilities(checkpoint, text):
    """What transformers alone says of a text: float64[labels]."""
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    read = AutoTokenizer.from_pretrained(checkpoint)(text, return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        return model(**read).logits[0].double().log_softmax(-1).numpy()


class TestModelAsItIs:
    """With `model.finetune: false` the checkpoint is looked into unchanged, its own classifier included."""

    def test_a_value_is_what_the_checkpoint_itself_answers_to_what_is_left_of_a_text(
        self, checkpoint, tmp_path
    ):
        function = lens_inputs(study_of(checkpoint), RunFolder(tmp_path / "run")).function
        masks = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 0]], dtype=bool)
        values = function(masks, np.zeros(3, dtype=np.int64)).values[:, 0]
        for mask, value in zip(masks, values, strict=True):
            left = " ".join(word for word, there in zip(TEXT.split(), mask, strict=True) if there)
            p = np.exp(log_probabilities(checkpoint, left)[LABELS.index("go")])
            assert value == pytest.approx(np.log(p / (1 - p)), abs=1e-4)

    def test_with_no_component_silenced_a_value_is_the_mean_over_the_rows(self, checkpoint, tmp_path):
        function = lens_inputs(study_of(checkpoint, "components"), RunFolder(tmp_path / "run")).function
        whole = function(np.ones((1, function.n_groups), dtype=bool), np.zeros(1, dtype=np.int64)).values
        rows = ((TEXT, "go"), ("red flat door", "stop"))
        wanted = [log_probabilities(checkpoint, text)[LABELS.index(label)] for text, label in rows]
        assert whole[0, 0] == pytest.approx(np.mean(wanted), abs=1e-4)

    def test_no_weight_differs_from_the_file_and_no_adapter_is_kept(self, checkpoint, tmp_path):
        folder = RunFolder(tmp_path / "run")
        base = explained_model(study_of(checkpoint), folder)
        stored = AutoModelForSequenceClassification.from_pretrained(checkpoint).state_dict()
        assert base.labels == LABELS
        assert base.model.state_dict().keys() == stored.keys()
        assert all(torch.equal(weight, stored[name]) for name, weight in base.model.state_dict().items())
        assert not folder.adapters.exists()

    def test_the_same_study_with_training_data_is_another_model(self, checkpoint, tmp_path):
        rows = tmp_path / "train.csv"
        rows.write_text("text,label\n" + "".join(f"{TEXT} {word},{word}\n" for word in LABELS * 4))
        folder = RunFolder(tmp_path / "run")
        tuned = study_of(
            checkpoint,
            data={"task": "classification", "train": str(rows), "text": "text", "label": "label"},
            model={"source": str(checkpoint), "device": "cpu"},
            lora={"rank": 2, "target_modules": ["query", "value"]},
            training={"epochs": 1, "batch_size": 4, "learning_rate": 0.01},
        )
        other = explained_model(tuned, folder)
        assert other.fingerprint != explained_model(study_of(checkpoint), folder).fingerprint
        assert folder.adapters.exists()

    def test_an_answer_that_is_no_label_of_the_classifier_is_refused(self, checkpoint, tmp_path):
        with pytest.raises(ConfigError, match="'green' is no label of the model; name answers among"):
            lens_inputs(study_of(checkpoint, answer="green"), RunFolder(tmp_path / "run"))

    def test_a_checkpoint_without_a_classifier_is_refused(self, checkpoint, tmp_path):
        base = tiny_model("bert")
        base.model.bert.save_pretrained(checkpoint)
        with pytest.raises(ModelError, match="has no trained classifier"):
            explained_model(study_of(checkpoint), RunFolder(tmp_path / "run"))
