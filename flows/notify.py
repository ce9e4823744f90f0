"""An automation that tells a chat or a pager of studies that failed: `python -m flows.notify URL`.

Prefect calls the URL (Slack, Teams, Mattermost, anything that takes a POST of JSON) with one line of text.
Made again with another URL, it replaces the one before.
"""

from __future__ import annotations

import sys

from prefect.automations import Automation, EventTrigger, Posture
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.events.actions import SendNotification
from rich.console import Console

from flows.environment import be_quiet
from flows.servers import require_prefect
from flows.terminal import print_error
from spex_data.errors import ConfigError, SpexDataError

NAME = "spex-data: a study failed"
BLOCK = "spex-data-failed"
TEXT = (
    "study {{ event.payload['study'] }} failed: {{ event.payload['error'] }} "
    "(Prefect {{ event.payload['prefect'] }}, MLflow {{ event.payload['mlflow'] }})"
)


def notify_of_failures(url: str) -> None:
    """Makes the automation on the server of PREFECT_API_URL.

    Args:
        url: Called with {"text": ...} each time a study ends by an error.

    Raises:
        ConfigError: No URL.
        RunnerError: The server does not answer.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f'is "{url}"', where="URL", instead="write the address of a webhook, https://...")
    require_prefect()
    webhook = CustomWebhookNotificationBlock(name=BLOCK, url=url, json_data={"text": "{{body}}"})
    block = webhook.save(BLOCK, overwrite=True)
    with get_client(sync_client=True) as client:
        for old in client.read_automations_by_name(NAME):
            client.delete_automation(old.id)
    Automation(
        name=NAME,
        description="Posts to a webhook when a study ends by an error.",
        trigger=EventTrigger(
            expect={"spex-data.study.failed"},
            match={"prefect.resource.id": "spex-data.study.*"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[SendNotification(block_document_id=block, subject="spex-data", body=TEXT)],
    ).create()


def main() -> None:
    """Makes the automation for the URL given; exit code 2 for wrong input."""
    be_quiet()
    try:
        notify_of_failures(sys.argv[1] if len(sys.argv) > 1 else "")
    except SpexDataError as error:
        print_error(Console(stderr=True), error)
        sys.exit(2)


if __name__ == "__main__":
    main()
