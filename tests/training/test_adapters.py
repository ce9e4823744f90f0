from __future__ import annotations

import pytest
import torch

from spex_data.training import adapted
from spex_data.training.reference import reset_adapter
from spex_data.training.sites import initial_matrix
from tests.training.tiny_models import CAUSAL, CLASSIFIERS, quick_recipe, tiny_model


class TestAdapted:
    """The base model is as it was once the adapter is off again."""

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    def test_the_base_model_is_left_untouched(self, kind):
        base = tiny_model(kind)
        names = [(name, type(module)) for name, module in base.model.named_modules()]
        weights = {name: tensor.clone() for name, tensor in base.model.state_dict().items()}
        with adapted(base, quick_recipe()) as model:
            reset_adapter(model, 3)
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.data.add_(1.0)
        assert [(name, type(module)) for name, module in base.model.named_modules()] == names
        assert not any(parameter.requires_grad for parameter in base.model.parameters())
        for name, tensor in base.model.state_dict().items():
            assert torch.equal(tensor, weights[name]), name

    def test_it_is_left_untouched_after_an_error_too(self):
        base = tiny_model("bert")
        names = [type(module) for module in base.model.modules()]
        with pytest.raises(ZeroDivisionError), adapted(base, quick_recipe()):
            raise ZeroDivisionError
        assert [type(module) for module in base.model.modules()] == names

    def test_a_second_adapter_brings_no_warning(self, recwarn):
        base = tiny_model()
        for _ in range(2):
            with adapted(base, quick_recipe()):
                pass
        assert [str(warning.message) for warning in recwarn] == []

    @pytest.mark.parametrize("rslora", [False, True])
    def test_a_layer_adds_the_scaled_product_of_its_matrices(self, rslora):
        base, recipe = tiny_model(), quick_recipe(rank=4, alpha=6, rslora=rslora, target_modules=("q_proj",))
        x = torch.linspace(-1, 1, 16)[None]
        with adapted(base, recipe) as model, torch.no_grad():
            layer = model.base_model.model.model.layers[0].self_attn.q_proj
            layer.lora_B.default.weight.fill_(0.1)
            a, b = layer.lora_A.default.weight, layer.lora_B.default.weight
            torch.testing.assert_close(layer(x), layer.base_layer(x) + recipe.scaling * x @ a.T @ b.T)


class TestResetAdapter:
    """A is drawn from the seed and the module's name, B is zero, heads are the base model's."""

    @pytest.mark.parametrize("modules", [("q_proj",), ("q_proj", "v_proj", "up_proj")])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_a_module_starts_the_same_whatever_else_is_adapted_in_whatever_precision(self, modules, dtype):
        with adapted(tiny_model(dtype=dtype), quick_recipe(target_modules=modules)) as model:
            reset_adapter(model, 3)
            layer = model.base_model.model.model.layers[1].self_attn.q_proj
            start = layer.lora_A.default.weight.float()
        assert torch.equal(start, initial_matrix(3, "model.layers.1.self_attn.q_proj", 2, 16))

    def test_what_was_trained_before_is_forgotten(self):
        base = tiny_model("bert")
        with adapted(base, quick_recipe()) as model:
            states = []
            for _ in range(2):
                reset_adapter(model, 3)
                trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
                states.append([parameter.clone() for parameter in trained])
                for parameter in trained:
                    parameter.data.add_(1.0)
        assert all(torch.equal(*pair) for pair in zip(*states, strict=True))
