"""The same questions on several scales."""

from spex_data.evaluation import SCALES, make_targets, on_scales, scale_columns


def asked(outputs):
    return make_targets(
        "causal-lm", ["a", "b"], ["x", "y"], names=["one", "two"], foils=["z", "z"], outputs=outputs
    )


class TestScales:
    """Every target on every scale, those of the study first and nothing twice."""

    def test_the_targets_come_first_and_keep_their_identity(self):
        targets = asked(["contrast", "log-odds"])
        assert on_scales(targets).ids[:2] == targets.ids

    def test_what_is_on_a_scale_already_is_not_repeated(self):
        assert len(on_scales(asked("log-odds"))) == 2 + 2 * 2
        assert len(on_scales(asked("contrast"))) == 2 + 2 * 3

    def test_columns_point_to_the_question_on_that_scale(self):
        targets = asked(["probability", "log-odds"])
        grown, columns = on_scales(targets), scale_columns(targets)
        assert tuple(columns) == SCALES
        for scale, places in columns.items():
            assert [grown.outputs[place] for place in places] == [scale, scale]
            assert [grown.inputs[place] for place in places] == ["a", "b"]
