"""The official SDKs, unmodified, asking for everything but conversations.

usage: operations.py GATEWAY_URL

The model `m` is served by two accounts of a scripted vendor, which keeps what each of them was given: see tests/sdk.rs. Prints a line
for each operation, and exits with 1 at the first that is not as it should be.
"""

import sys

import openai
from google import genai
from google.genai import types

GATEWAY = sys.argv[1]
client = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key="caller", max_retries=0, timeout=20)
google = genai.Client(api_key="caller", http_options=types.HttpOptions(base_url=GATEWAY, timeout=20000))
VECTOR = [0.5, -1.0, 0.25]


def check(condition, what):
    if not condition:
        print(f"FAILED: {what}", file=sys.stderr)
        sys.exit(1)


def embeddings():
    # The SDK asks for base64 by itself and decodes it; whoever says `float` gets numbers.
    for model in ["m", "gem"]:
        for more in [{}, {"encoding_format": "float"}, {"dimensions": 3}]:
            answer = client.embeddings.create(model=model, input=["a", "b"], **more)
            check([item.embedding for item in answer.data] == [VECTOR, VECTOR], f"vectors: {answer}")
            check([item.index for item in answer.data] == [0, 1], f"order: {answer}")
        answer = google.models.embed_content(model=model, contents=["a", "b"])
        check([item.values for item in answer.embeddings] == [VECTOR, VECTOR], f"Google's vectors: {answer}")


def moderations():
    answer = client.moderations.create(model="m", input="hello")
    check(answer.results[0].flagged is False, f"moderation: {answer}")


def images():
    answer = client.images.generate(model="m", prompt="a cat")
    check(answer.data[0].b64_json == "AAAA", f"image: {answer}")
    answer = client.images.edit(model="m", image=("cat.png", b"\x89PNG\r\n--", "image/png"), prompt="a hat")
    check(answer.data[0].b64_json == "AAAA", f"edit: {answer}")


def speech():
    with client.audio.speech.with_streaming_response.create(model="m", voice="alloy", input="hello") as answer:
        check(b"".join(answer.iter_bytes()) == b"ID3\x00sound", "speech")


def transcription():
    sound = ("odd name.m4a", b"\x00\x01\r\nsound", "audio/x-m4a")
    answer = client.audio.transcriptions.create(model="m", file=sound, language="en", timestamp_granularities=["word"])
    check(answer.text == "hello", f"transcription: {answer}")
    answer = client.audio.translations.create(model="m", file=sound)
    check(answer.text == "hello", f"translation: {answer}")


def files_and_batches():
    ids = set()
    for _ in range(4):
        file = client.files.create(file=("in.jsonl", b'{"custom_id":"1"}\n'), purpose="batch")
        check(file.id.startswith("file-"), f"id: {file}")
        ids.add(file.id)
        check(client.files.retrieve(file.id).id == file.id, "the same id")
        batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        check(batch.input_file_id == file.id, f"input: {batch}")
        batch = client.batches.retrieve(batch.id)
        check(batch.status == "completed", f"status: {batch}")
        check(client.files.content(batch.output_file_id).text == "output\n", "output")
        check(client.batches.cancel(batch.id).id == batch.id, "cancel")
        check(client.files.delete(file.id).deleted, "deleted")
    check(len(ids) > 1, f"both accounts had a turn: {ids}")
    listed = [file.id for file in client.files.list(limit=1)]
    check(len(listed) == 2 and len(set(listed)) == 2, f"pages: {listed}")


def responses():
    first = client.responses.create(model="native", input="hi")
    check(first.id.startswith("resp_"), f"id: {first}")
    with client.responses.stream(model="native", input="more", previous_response_id=first.id) as events:
        for _ in events:
            pass
        second = events.get_final_response()
    check(client.responses.retrieve(second.id).id == second.id, "stored answer")
    client.responses.delete(second.id)


for run in [embeddings, moderations, images, speech, transcription, files_and_batches, responses]:
    run()
    print(f"ok: {run.__name__}")
