#!/usr/bin/env python3
"""Writes the inputs that fuzzing begins with: the goldens of the tests, the example file and the configurations in the docs.

Run it anywhere; it fills fuzz/corpus/{answer,config,request,stack}, which git ignores.
"""

import itertools
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# As the targets number them.
DIALECTS = ["openai", "anthropic", "responses", "gemini", "completions", "bedrock", "cohere"]
ROUTES = {"openai": 0, "anthropic": 1, "responses": 2, "gemini": 5, "completions": 6, "cohere": 8}
PROVIDERS = {"openai": 0, "anthropic": 1, "gemini": 2, "responses": 3, "cohere": 4}
# Longer ones only make the first round slow.
LIMIT = 8 << 10


def main():
    corpus = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus"
    files = [file for file in sorted((ROOT / "tests/golden").rglob("*")) if file.is_file()]
    bodies = [(dialect(file), file.suffix, file.read_bytes()) for file in files]
    bodies = [body for body in bodies if body[1] in (".json", ".sse") and len(body[2]) < LIMIT]
    write(corpus / "request", requests(bodies))
    write(corpus / "answer", answers(bodies))
    write(corpus / "stack", calls(bodies))
    write(corpus / "config", configurations())


def dialect(file):
    """By the name of the file, or else of its folder; most cases come in as OpenAI's."""
    for name in (file.stem, file.parent.name, file.parent.parent.name):
        for dialect in sorted(DIALECTS, key=len, reverse=True):
            if dialect in name:
                return dialect
    return "openai"


def requests(bodies):
    vendors = itertools.cycle(range(7))
    for dialect, suffix, body in bodies:
        if suffix == ".json" and DIALECTS.index(dialect) < 5:
            yield bytes([DIALECTS.index(dialect) + 5 * next(vendors)]) + body


def answers(bodies):
    for dialect, _, body in bodies:
        yield DIALECTS.index(dialect).to_bytes(2, "little") + body


def calls(bodies):
    """Every body as a question, beside every kind of answer in turn."""
    told = itertools.cycle([body for body in bodies if body[0] in PROVIDERS])
    for dialect, suffix, body in bodies:
        if suffix != ".json" or dialect not in ROUTES:
            continue
        vendor, kind, answer = next(told)
        choice = ROUTES[dialect] + 16 * PROVIDERS[vendor] + (0x8000 if kind == ".sse" else 0)
        rest = body + b"\0" + answer
        # How long the first of two texts is stands at the very end, in as many bytes as the whole length needs.
        size = 1 if len(rest) + 1 <= 256 else 2
        yield choice.to_bytes(2, "little") + rest + len(body).to_bytes(size, "big")


def configurations():
    yield (ROOT / "examples/gateway/gateway.example.yaml").read_bytes()
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```ya?ml\n(.*?)```", file.read_text(), re.DOTALL):
            yield block.encode()
    for file in sorted((ROOT / "tests").rglob("*.rs")) + sorted((ROOT / "src/config").rglob("*.rs")):
        for block in re.findall(r'r#"(\n?[a-z_]+:.*?)"#', file.read_text(), re.DOTALL):
            if "providers:" in block:
                yield block.encode()


def write(folder, inputs):
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(inputs):
        (folder / f"seed-{number:03}").write_bytes(content)


main()
