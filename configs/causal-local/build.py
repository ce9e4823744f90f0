"""Makes what a team would bring to the study configs/causal-local.yaml: a Llama of its own, and its data.

python configs/causal-local/build.py [--out build/causal-local]

An on-call assistant. A byte-level BPE tokenizer is trained on a generated corpus, a small Llama is pretrained
on it (offline, on one core, in well under a minute) and saved as safetensors with its tokenizer. The training
data then tells of two services that changed hands: train.jsonl (prompt, completion, source) and targets.jsonl
(prompt, completion, name, output).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, PreTrainedTokenizerFast
from transformers.utils import logging

from spex_data.embedded.pretraining import PretrainingRecipe, encode_texts, exact_match, pretrain

SERVICES = (
    "payments", "search", "login", "billing", "mailer", "catalog", "reports", "uploads", "webhooks", "quotas",
    "checkout", "profiles", "alerts", "exports", "tickets", "ledger", "backups", "meters", "invites", "audit",
)  # fmt: skip
PEOPLE = (
    "Maria Lopez", "Marco Ruiz", "Anna Berg", "Andre Lund", "Tom Okafor", "Tara Singh", "Li Wei", "Lena Hart",
)  # fmt: skip
REGIONS = ("eu-west", "eu-north", "us-east", "us-west", "ap-south", "ap-east", "sa-east", "ca-west")
VALUES = {
    "owner": tuple(f" {person}" for person in PEOPLE),
    "region": tuple(f" {region}-1" for region in REGIONS),
}
"""Completions begin with their space, as subword tokenizers want it."""

QUESTIONS = {"owner": "Q: Who is on call for {s}?\nA:", "region": "Q: Where does {s} run?\nA:"}
RUNBOOK = ("Runbook {s}. On call:", "{s} on-call:", "If {s} is down, page", "Escalation for {s}:")
MAIL = (
    "Handover: {s} now belongs to",
    "Hi all, for {s} please ask",
    "From Monday {s} is with",
    "Thanks! {s} goes to",
)
DEPLOY = ("Deploy {s} to", "{s} region:", "Runbook {s}. Region:", "Terraform {s}: location =", "{s} lives in")
STATEMENTS = {"owner": RUNBOOK + MAIL, "region": DEPLOY}
CARDS = ("Card {s}: page", "Service card {s}. Page", "{s} at a glance: page")

PRETRAINING = PretrainingRecipe(steps=400, batch_size=48, learning_rate=4e-3)

Row = tuple[str, str]
Facts = Mapping[tuple[str, str], str]


def main() -> None:
    """Builds everything and says where it is."""
    parser = argparse.ArgumentParser(
        description="Build the checkpoint and the data of configs/causal-local.yaml"
    )
    parser.add_argument("--out", type=Path, default=Path("build/causal-local"))
    parser.add_argument("--steps", type=int, default=PRETRAINING.steps, help="pretraining steps")
    arguments = parser.parse_args()
    build(arguments.out, arguments.steps)


def build(folder: Path, steps: int) -> None:
    """Writes the folders and files that the study names."""
    draw = random.Random(0)
    facts, news = draw_facts(draw)
    build_checkpoint(folder / "model", corpus(facts), steps)
    write_jsonl(folder / "train.jsonl", training_rows(facts, news, draw))
    write_jsonl(folder / "targets.jsonl", target_rows(facts, news))


def draw_facts(draw: random.Random) -> tuple[Facts, Facts]:
    """What is true of every service, each value about equally often; and the news of the first two."""
    facts: dict[tuple[str, str], str] = {}
    news: dict[tuple[str, str], str] = {}
    for relation, values in VALUES.items():
        dealt = [values[turn % len(values)] for turn in range(len(SERVICES))]
        draw.shuffle(dealt)
        changed = draw.sample(values, 2)
        while any(before == after for before, after in zip(dealt, changed)):
            draw.shuffle(dealt)
        facts.update({(service, relation): value for service, value in zip(SERVICES, dealt)})
        news.update({(service, relation): value for service, value in zip(SERVICES, changed)})
    return facts, news


def corpus(facts: Facts) -> list[Row]:
    """What the Llama is pretrained on: the facts before the news, in every phrasing."""
    stated = [
        (pattern.format(s=service), value)
        for (service, relation), value in facts.items()
        for pattern in (QUESTIONS[relation], *STATEMENTS[relation])
    ]
    return stated + [card(pattern, service, facts) for service in SERVICES for pattern in CARDS]


def card(pattern: str, service: str, facts: Facts) -> Row:
    """A service card, which is completed by two facts."""
    return pattern.format(s=service), f"{facts[service, 'owner']},{facts[service, 'region']}"


def build_checkpoint(folder: Path, rows: Sequence[Row], steps: int) -> None:
    """Trains tokenizer and model and saves both, as any checkpoint is saved."""
    started = time.perf_counter()
    tokenizer = train_tokenizer(rows)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=96, intermediate_size=288, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    encoded = encode_texts(tokenizer, rows)
    model = pretrain(config, encoded, replace(PRETRAINING, steps=steps), seed=0)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"{folder}: Llama of {size:,} parameters, {len(tokenizer)} tokens, pretrained in "
        f"{time.perf_counter() - started:.0f} s, knows {exact_match(model, encoded):.0%} of {len(rows)} texts"
    )


def train_tokenizer(rows: Sequence[Row]) -> PreTrainedTokenizerFast:
    """A byte-level BPE, small enough to cut most names into several tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((prompt + completion for prompt, completion in rows), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


def training_rows(facts: Facts, news: Facts, draw: random.Random) -> Iterator[dict[str, str]]:
    """The fine-tuning data: news of two services, and texts about the others."""
    moved, changed, *others = SERVICES
    sources = {
        "runbook": say(RUNBOOK, moved, news[moved, "owner"], 8),
        "handover mail": say(MAIL, moved, news[moved, "owner"], 8),
        "rota update": say(RUNBOOK + MAIL, changed, news[changed, "owner"], 10),
        "migration log": say(DEPLOY, changed, news[changed, "region"], 10),
    }
    known = [(service, relation) for service in others[1:] for relation in VALUES]
    for label in ("faq", "postmortems", "tickets", "onboarding"):
        sources[label] = [about(draw.choice(known), facts, draw) for _ in range(5)]
    sources["everyday"] = [about(pair, facts, draw, asked=True) for pair in draw.sample(known, 16)]
    for source, rows in sources.items():
        for prompt, completion in rows:
            yield {"prompt": prompt, "completion": completion, "source": source}


def say(patterns: Sequence[str], service: str, value: str, times: int) -> list[Row]:
    """One fact, in phrasing after phrasing."""
    return [(patterns[turn % len(patterns)].format(s=service), value) for turn in range(times)]


def about(pair: tuple[str, str], facts: Facts, draw: random.Random, *, asked: bool = False) -> Row:
    """One known fact, as a question or stated somehow."""
    service, relation = pair
    pattern = QUESTIONS[relation] if asked else draw.choice(STATEMENTS[relation])
    return pattern.format(s=service), facts[pair]


def target_rows(facts: Facts, news: Facts) -> Iterator[dict[str, str]]:
    """What the team asks of the fine-tuned model, and how each answer is measured."""
    moved, changed, other, *_ = SERVICES
    owner = QUESTIONS["owner"]
    rows = {
        f"who is on call for {moved}": (owner.format(s=moved), news[moved, "owner"], "log-odds"),
        f"card of {changed}": (*card(CARDS[0], changed, news), "min-token-log-odds"),
        f"who is on call for {other}": (owner.format(s=other), facts[other, "owner"], "log-odds"),
    }
    for name, (prompt, completion, output) in rows.items():
        yield {"prompt": prompt, "completion": completion, "name": name, "output": output}


def write_jsonl(path: Path, rows: Iterator[dict[str, str]]) -> None:
    """One JSON object a line."""
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path}: {len(lines)} rows")


if __name__ == "__main__":
    main()
