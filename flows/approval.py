"""`runner.approve`: the flow pauses after the plan until someone who read it decides, on Prefect's page."""

from __future__ import annotations

import time

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_paused_state
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Paused
from pydantic import Field

from flows.progress import Progress, tell
from flows.stopping import Stopped
from spex_data.errors import RunnerError
from spex_data.reports import plan_markdown
from spex_data.study import StudyConfig
from tasks.artifacts import show_plan
from tasks.design import Design
from tasks.lens_planning import plan_lens, plan_words
from tasks.planning import plan_costs
from tasks.run_folder import RunFolder
from tasks.value_function import value_function

PATIENCE = 14 * 24 * 3600
"""Seconds that a plan waits for an answer."""
SECONDS_BETWEEN_LOOKS = 5.0


class NotApproved(Stopped):
    """Somebody read the plan and said no, or nobody answered."""


class Approval(RunInput):
    """The form that Prefect shows with the plan."""

    approve: bool = Field(True, title="Approve", description="Fine-tune as planned; unticked: stop here.")
    note: str = Field("", title="Note", description="Kept in the log.")


def require_page(study: StudyConfig) -> None:
    """Checks that there is a page on which a plan can be approved.

    Raises:
        RunnerError: The study wants an approval, and no Prefect server is named.
    """
    if study.runner.approve and not PREFECT_API_URL.value():
        raise RunnerError(
            "is true, and there is no Prefect server whose page could ask for it",
            where="runner.approve",
            instead="start one with `spex-data ui` and set PREFECT_API_URL, or write runner.approve: false",
        )


def wait_for_approval(study: StudyConfig, folder: RunFolder, planned: Design) -> None:
    """Shows the plan and pauses the flow run until it is approved; nothing where the study asks for none.

    Args:
        study: What is run.
        folder: Prepared.
        planned: What is missing; with nothing to train there is nothing to approve.

    Raises:
        NotApproved: The plan was declined, the run cancelled, or `PATIENCE` is over.
    """
    if not study.runner.approve or not planned.missing:
        return
    require_page(study)
    tell(Progress("planning"))
    if study.lens == "data":
        plan = plan_markdown(plan_costs(study, folder, value_function(folder)))
    else:
        plan = "\n\n".join(plan_words(plan_lens(study, folder)))
    show_plan(study.name, plan)
    tell(Progress(f"waiting for approval in Prefect's page: {flow_run.ui_url}"))
    get_run_logger().info("waiting until the plan is approved: Resume, on this page")
    answer = _ask(plan)
    if not answer.approve:
        note = f" ({answer.note})" if answer.note else ""
        raise NotApproved(f"the plan was declined{note}; nothing was trained")
    get_run_logger().info("approved%s", f": {answer.note}" if answer.note else "")


def _ask(plan: str) -> Approval:
    """Pauses this flow run until its form is answered.

    As `prefect.pause_flow_run`, which would not see that a paused run was cancelled.
    """
    form = Approval.with_initial_data(description=plan, approve=True)
    state = Paused(timeout_seconds=PATIENCE, pause_key="approval")
    state.state_details.run_input_keyset = keyset_from_paused_state(state)
    until = time.monotonic() + PATIENCE
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, state)
        form.save(state.state_details.run_input_keyset)
        while time.monotonic() < until:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            now = client.read_flow_run(flow_run.id).state
            if now is None or now.is_paused():
                continue
            if now.is_running():
                return form.load(state.state_details.run_input_keyset)
            break
    raise NotApproved(
        "the plan was not approved: the run was cancelled while it waited; nothing was measured"
    )
