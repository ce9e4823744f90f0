"""What a run shows in the terminal: progress while it goes on, errors in one voice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from flows.progress import Listener, Progress, listening
from spex_data.errors import SeveralErrors, SpexDataError


class _Rate(ProgressColumn):
    """Fine-tunes a second, of those done since the bar began."""

    def render(self, task: Task) -> Text:
        """Draws the rate, or nothing before there is one."""
        return Text(f"{task.speed:.1f}/s" if task.speed and task.total else "", style="dim")


@contextmanager
def progress_shown(console: Console) -> Iterator[None]:
    """Shows stages, fine-tunes done, their rate and the time left; plain lines when there is no terminal."""
    if not console.is_terminal:
        with listening(_plain(console)):
            yield
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(compact=True),
    )
    stage_columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        Bar(*stage_columns, console=console, transient=True) as stages,
        listening(_live(stages, columns)),
    ):
        yield


def _live(stages: Bar, columns: tuple[ProgressColumn, ...]) -> Listener:
    """One line for the stage, which becomes a bar while fine-tuning."""
    state: dict[str, object] = {"task": None, "stage": None}
    plain = stages.columns

    def listen(moment: Progress) -> None:
        if moment.lasting:
            stages.console.print(moment.stage, markup=False, highlight=False, soft_wrap=True)
            return
        words = escape(moment.stage) + (f" ([red]{moment.failed} failed[/red])" if moment.failed else "")
        if state["stage"] != moment.stage:
            if state["task"] is not None:
                stages.remove_task(state["task"])  # type: ignore[arg-type]
            stages.columns = columns if moment.total else plain
            state["task"] = stages.add_task(words, total=moment.total or None, completed=moment.done)
            state["stage"] = moment.stage
        else:
            stages.update(state["task"], description=words, completed=moment.done)  # type: ignore[arg-type]

    return listen


def _plain(console: Console) -> Listener:
    """A line a stage and one every tenth of the fine-tunes, for logs."""
    last = {"stage": "", "tenth": -1}

    def listen(moment: Progress) -> None:
        if moment.lasting:
            console.print(moment.stage, markup=False, highlight=False, soft_wrap=True)
            return
        tenth = 10 * moment.done // moment.total if moment.total else -1
        if (moment.stage, tenth) == (last["stage"], last["tenth"]):
            return
        last.update(stage=moment.stage, tenth=tenth)
        count = f": {moment.done} of {moment.total}" if moment.total else ""
        failed = f", {moment.failed} failed" if moment.failed else ""
        console.print(f"{moment.stage}{count}{failed}", markup=False, highlight=False)

    return listen


def print_error(console: Console, error: SpexDataError) -> None:
    """Prints what is wrong, one line an error."""
    for one in error.errors if isinstance(error, SeveralErrors) else (error,):
        console.print(Text.assemble(("error: ", "bold red"), str(one)), soft_wrap=True, highlight=False)
