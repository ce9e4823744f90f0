"""Token masking against one plain forward pass a mask, on all masks of small texts."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from spex_data.errors import DataError, ModelError, TargetError
from spex_data.evaluation import OUTPUTS, make_targets
from spex_data.evaluation.outputs import measure_output, token_scores
from spex_data.value_functions.text_units import cut_into_units
from spex_data.value_functions.token_masking import TokenMasking
from tests.strategies import all_masks
from tests.training.tiny_models import tiny_model

TEXT = "press the red knob now. turn the lamp"
SHORT = "press the red knob now"
KINDS = ("bert", "llama-classifier", "llama", "gpt2")
MASKINGS = ("mask-token", "deletion", "attention")


def function_of(kind="bert", masking="mask-token", units="words", text=TEXT, outputs=None, **changes):
    base = tiny_model(kind, dtype=torch.float64)
    answers = ["lamp door", "door"] if base.task == "causal-lm" else ["go", "wait"]
    targets = make_targets(
        base.task,
        [text] * 2,
        answers,
        names=["first", "second"],
        outputs=outputs or "log-odds",
        foils=["red", "red"] if base.task == "causal-lm" else ["stop", "stop"],
    )
    cut = cut_into_units(base.tokenizer, text, units)
    return TokenMasking(base, cut, targets, masking, replacement="<unk>", **changes)


def measure(function, masks):
    return function(masks, np.zeros(len(masks), dtype=np.int64)).values


def by_hand(function, mask, column):
    """One mask, one target, one unpadded pass for each answer."""
    targets = function.targets
    shown = [unit < 0 or bool(mask[unit]) for unit in function.units.unit_of]
    foil = targets.foils[column]
    scores = [scores_by_hand(function, shown, answer) for answer in (targets.answers[column], foil) if answer]
    return measure_output(targets.outputs[column], *scores).item()


def scores_by_hand(function, shown, answer):
    base, masking = function.base_model, function.masking
    unknown = base.tokenizer.convert_tokens_to_ids("<unk>")
    pairs = list(zip(function.units.tokens, shown, strict=True))
    if masking == "mask-token":
        pairs = [(token if there else unknown, True) for token, there in pairs]
    places = [place for place, (_, there) in enumerate(pairs) if there]
    kept = [pairs[place][0] for place in places]
    # What is attended to by nothing is the same as what is not there, the others keeping their positions.
    positions = places if masking == "attention" else list(range(len(kept)))
    with torch.no_grad():
        if base.task == "classification":
            read = base.model(
                input_ids=torch.tensor([kept]),
                attention_mask=torch.ones(1, len(kept)),
                position_ids=torch.tensor([positions]),
            )
            return token_scores(read.logits, torch.tensor([base.labels.index(answer)]))
        after = base.tokenizer(answer, add_special_tokens=False)["input_ids"]
        first = len(pairs) if masking == "attention" else len(kept)
        read = base.model(
            input_ids=torch.tensor([kept + after]),
            attention_mask=torch.ones(1, len(kept) + len(after)),
            position_ids=torch.tensor([positions + list(range(first, first + len(after)))]),
        )
    return token_scores(read.logits[0, len(kept) - 1 : -1], torch.tensor(after))


class TestValues:
    """A value is what the model answers when it sees the present units alone."""

    @pytest.mark.parametrize("masking", MASKINGS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_mask_has_the_value_of_one_plain_pass(self, kind, masking):
        function = function_of(kind, masking, text=SHORT)
        masks = all_masks(function.n_groups)
        found = measure(function, masks)
        expected = [[by_hand(function, mask, column) for column in (0, 1)] for mask in masks]
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert found.std() > 0.01

    def test_all_masks_of_nine_tokens_have_the_values_of_plain_passes(self):
        function = function_of("bert", units="tokens")
        masks = all_masks(9)
        expected = [by_hand(function, mask, 0) for mask in masks]
        np.testing.assert_allclose(measure(function, masks)[:, 0], expected, atol=1e-9)

    @pytest.mark.parametrize("masking", ["deletion", "attention"])
    @pytest.mark.parametrize("kind", ["llama-classifier", "llama", "gpt2"])
    def test_a_text_without_special_tokens_may_lose_its_first_words(self, kind, masking):
        whole = function_of(kind, masking, text=SHORT)
        cut = replace(whole.units, tokens=whole.units.tokens[1:], unit_of=whole.units.unit_of[1:])
        function = replace(whole, units=cut)
        masks = all_masks(function.n_groups)[1:]
        expected = [by_hand(function, mask, 0) for mask in masks]
        np.testing.assert_allclose(measure(function, masks)[:, 0], expected, atol=1e-9)

    @pytest.mark.parametrize("output", OUTPUTS)
    @pytest.mark.parametrize("kind", ["bert", "llama"])
    def test_each_output_is_measured_as_it_is_of_a_plain_pass(self, kind, output):
        function = function_of(kind, "deletion", outputs=output)
        masks = all_masks(function.n_groups)[::37]
        expected = [[by_hand(function, mask, column) for column in (0, 1)] for mask in masks]
        np.testing.assert_allclose(measure(function, masks), expected, atol=1e-9)

    @pytest.mark.parametrize("masking", MASKINGS)
    def test_the_size_of_a_pass_changes_nothing_but_rounding(self, masking):
        whole = function_of("gpt2", masking)
        masks = all_masks(whole.n_groups)[::3]
        small = replace(whole, tokens_per_pass=1)
        np.testing.assert_allclose(measure(small, masks), measure(whole, masks), atol=1e-9)

    def test_no_pass_reads_more_tokens_than_allowed(self):
        function = function_of("bert", "deletion", tokens_per_pass=40)
        seen = []
        function.base_model.model.register_forward_pre_hook(
            lambda _, args, named: seen.append(named["input_ids"].numel()), with_kwargs=True
        )
        measure(function, all_masks(function.n_groups))
        assert max(seen) <= 40

    def test_where_nothing_is_left_the_first_token_stands_alone(self):
        function = function_of("llama", "deletion")
        bare = replace(
            function,
            units=replace(function.units, tokens=function.units.tokens[1:], unit_of=np.arange(9) % 8),
        )
        nothing = np.zeros((1, 8), dtype=bool)
        np.testing.assert_allclose(measure(bare, nothing), measure(function, nothing), atol=1e-12)


def of_another_kind(function, kind, auto=AutoModelForSequenceClassification, **sizes):
    """The same masks and text on a random model of a configuration of its own."""
    small = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        config = AutoConfig.for_model(kind, **small, intermediate_size=24, pad_token_id=0, **sizes)
        model = auto.from_config(config).eval().double()
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, 0, 0.3)
    return replace(function, base_model=replace(function.base_model, model=model))


NARROW = {"num_key_value_heads": 1, "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 2}
LANDMARKS = {"num_landmarks": 2, "segment_means_seq_len": 2, "num_labels": 3}


class TestOtherModels:
    """Values are of the text alone where a model minds padding too; one that cannot hide is refused."""

    def test_a_model_that_reads_the_nearest_tokens_alone_has_the_values_of_plain_passes(self):
        function = function_of("llama", "deletion")
        function = of_another_kind(function, "gemma2", AutoModelForCausalLM, **NARROW)
        masks = all_masks(function.n_groups)[::3]
        expected = [by_hand(function, mask, 0) for mask in masks]
        np.testing.assert_allclose(measure(function, masks)[:, 0], expected, atol=1e-9)

    def test_a_model_that_reads_what_nothing_attends_to_is_refused(self):
        function = of_another_kind(function_of("bert", "attention"), "nystromformer", **LANDMARKS)
        with pytest.raises(ModelError, match=r"hidden words change its answer.*mask-token or deletion"):
            function.require_measurable()
        replace(function, masking="mask-token").require_measurable()

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_model_that_hides_is_not(self, kind):
        assert function_of(kind, "attention").require_measurable() is None

    def test_a_model_that_fails_on_the_text_is_named_with_its_reason(self):
        function = function_of("bert", text=SHORT)

        def broken(**_):
            raise IndexError("index 4 is out of bounds")

        model = replace(function.base_model, model=deepcopy(function.base_model.model))
        model.model.forward = broken
        with pytest.raises(ModelError, match="fails on 6 tokens of the text: IndexError: index 4"):
            replace(function, base_model=model).require_measurable()

    def test_a_mask_whose_answer_is_no_number_has_failed_and_says_so(self):
        function = function_of("bert", text=SHORT)
        base = replace(function.base_model, model=deepcopy(function.base_model.model))
        unknown = base.tokenizer.convert_tokens_to_ids("<unk>")
        base.model.bert.embeddings.word_embeddings.weight[unknown] = torch.nan
        masks = all_masks(function.n_groups)[-3:]
        found = replace(function, base_model=base)(masks, np.zeros(3, dtype=np.int64))
        assert found.causes == ("the model's answer is not a finite number",) * 2 + (None,)
        assert np.isnan(found.values).all(axis=1).tolist() == [True, True, False]


class TestKeys:
    """A key says all that decides a value, and nothing else."""

    def test_masks_that_hide_the_same_tokens_share_keys_whatever_the_units_and_seeds(self):
        words, sentences = function_of(units="words"), function_of(units="sentences")
        first = np.array([[1, 0]], dtype=bool)
        same = np.array([[1] * 5 + [0] * 3], dtype=bool)
        assert sentences.keys(first, np.array([1])) == words.keys(same, np.array([2]))

    @pytest.mark.parametrize("change", [{"masking": "deletion"}, {"replacement": "red"}])
    def test_another_way_of_hiding_has_other_keys(self, change):
        function, mask = function_of(), np.zeros((1, 8), dtype=bool)
        other = replace(function, **change)
        assert not set(function.keys(mask, [0])[0]) & set(other.keys(mask, [0])[0])


class TestTextUnits:
    """Every token is of the unit whose characters it stands for."""

    @pytest.mark.parametrize(
        ("units", "names"),
        [
            ("words", ("press", "the", "red", "knob", "now.", "turn", "the", "lamp")),
            ("tokens", ("press", "the", "red", "knob", "now", ".", "turn", "the", "lamp")),
            ("sentences", ("press the red knob now.", "turn the lamp")),
            ([(0, 9), (10, 18)], ("press the", "red knob")),
        ],
    )
    def test_a_text_is_cut_as_asked(self, units, names):
        cut = cut_into_units(tiny_model("bert").tokenizer, TEXT, units)
        assert cut.names == names
        assert cut.unit_of[0] == -1
        assert set(cut.unit_of[cut.unit_of >= 0]) == set(range(len(names)))

    @pytest.mark.parametrize(
        ("text", "units", "message"),
        [
            ("", "words", "is empty"),
            (" \n", "words", "is empty"),
            ("lamp", "words", "at least 2"),
            ("lamp", "tokens", "at least 2"),
            (TEXT, "letters", "words, tokens, sentences"),
            (TEXT, [(0, 9), (8, 12)], "overlaps"),
            (TEXT, [(0, 9), (10, 99)], "leaves the text"),
            (TEXT, [(0, 5), (5, 6)], "start of no token"),
        ],
    )
    def test_what_cannot_be_masked_is_refused(self, text, units, message):
        with pytest.raises(DataError, match=message):
            cut_into_units(tiny_model("bert").tokenizer, text, units)


class TestBadInput:
    """What cannot be measured is refused in words."""

    @pytest.mark.parametrize("kind", ["bert", "llama"])
    def test_a_text_beyond_the_models_context_is_refused_and_not_cut(self, kind):
        with pytest.raises(TargetError, match="model reads 16"):
            measure(function_of(kind, text=" ".join(["red"] * 20)), np.ones((1, 20), dtype=bool))

    def test_a_tokenizer_without_a_mask_token_needs_another_way(self):
        with pytest.raises(ModelError, match="deletion or attention"):
            measure(replace(function_of(), replacement=""), np.ones((1, 8), dtype=bool))

    def test_targets_about_another_text_are_refused(self):
        function = function_of()
        other = make_targets("classification", ["red lamp"], ["go"])
        with pytest.raises(TargetError, match="another text"):
            measure(replace(function, targets=other), np.ones((1, 8), dtype=bool))
