"""What a study says to people: documents, tables for the terminal, figures, and one page of HTML.

Matplotlib, Jinja and the decoders are loaded only by the names that need them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spex_data.reports.comparison import compare_documents
from spex_data.reports.comparison_table import comparison_rows, comparison_sentence, comparison_table
from spex_data.reports.document import as_json, faithfulness_document, interactions_document
from spex_data.reports.files import read_document, write_document
from spex_data.reports.plan_markdown import plan_markdown
from spex_data.reports.plan_table import plan_table
from spex_data.reports.results import Effect, Results, TargetResult, read_results
from spex_data.reports.summaries import summary
from spex_data.reports.table_file import table_text, write_table
from spex_data.reports.tables import PlantedRow, interactions_table, places_table, planted_table
from spex_data.reports.words import Belief, belief

if TYPE_CHECKING:
    from spex_data.reports.clusters import Cluster, target_clusters
    from spex_data.reports.figure_style import save_figure
    from spex_data.reports.figures import effects_heatmap, predicted_against_actual
    from spex_data.reports.graph_figure import interaction_graph
    from spex_data.reports.html import render_report, write_report
    from spex_data.reports.live import Heldout
    from spex_data.reports.recovery import Recovery, recover_values
    from spex_data.reports.verdict_table import verdicts_table
    from spex_data.reports.verdicts import verification_document, with_verdicts
    from spex_data.reports.what_if import WhatIf, what_ifs

_LATER = {
    "save_figure": "figure_style",
    "effects_heatmap": "figures",
    "predicted_against_actual": "figures",
    "interaction_graph": "graph_figure",
    "Cluster": "clusters",
    "target_clusters": "clusters",
    "Heldout": "live",
    "render_report": "html",
    "write_report": "html",
    "Recovery": "recovery",
    "recover_values": "recovery",
    "verdicts_table": "verdict_table",
    "verification_document": "verdicts",
    "with_verdicts": "verdicts",
    "WhatIf": "what_if",
    "what_ifs": "what_if",
}

__all__ = [
    "Belief",
    "Cluster",
    "Effect",
    "Heldout",
    "PlantedRow",
    "Recovery",
    "Results",
    "TargetResult",
    "WhatIf",
    "as_json",
    "belief",
    "compare_documents",
    "comparison_rows",
    "comparison_sentence",
    "comparison_table",
    "effects_heatmap",
    "faithfulness_document",
    "interaction_graph",
    "interactions_document",
    "interactions_table",
    "places_table",
    "plan_markdown",
    "plan_table",
    "planted_table",
    "predicted_against_actual",
    "read_document",
    "read_results",
    "recover_values",
    "render_report",
    "save_figure",
    "summary",
    "table_text",
    "target_clusters",
    "verdicts_table",
    "verification_document",
    "what_ifs",
    "with_verdicts",
    "write_document",
    "write_report",
    "write_table",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
