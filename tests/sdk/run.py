"""The official SDKs, unmodified, as callers of the gateway.

usage: run.py GATEWAY_URL MODELS_THAT_THINK OTHER_MODELS

Speaks every dialect to the models, whose names stand with commas between them. Each is served by a scripted vendor, which answers by
what it is asked: see tests/sdk/vendors.rs. Prints a line for each round, and exits with 1 if one is not as it should be.
"""

import base64
import json
import sys

import anthropic
import openai
from google import genai
from google.genai import errors as google_errors, types
from pydantic import BaseModel

GATEWAY = sys.argv[1]
THINKING, PLAIN = (names.split(",") for names in sys.argv[2:])
MODELS = THINKING + PLAIN
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
QUESTION = "How is the weather in Paris and in Rome? Use the tool."
CITIES = ["Paris", "Rome"]
OSLO = "Think of Oslo, then use the tool."
THOUGHT = "They ask about Oslo."
DATA = "Describe Oslo"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

chat = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key="caller", max_retries=0, timeout=20)
claude = anthropic.Anthropic(base_url=GATEWAY, api_key="caller", max_retries=0, timeout=20)
google = genai.Client(api_key="caller", http_options=types.HttpOptions(base_url=GATEWAY, timeout=20000))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Weather(BaseModel):
    city: str
    sunny: bool


OSLO_DATA = Weather(city="Oslo", sunny=True)

# ---- OpenAI's SDK

CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather of a city", "parameters": SCHEMA}}]


def chat_call(model, stream, messages, **more):
    """One answer as (text, [(id, name, arguments)], finish reason, usage)."""
    if not stream:
        answer = chat.chat.completions.create(model=model, messages=messages, **more)
        choice = answer.choices[0]
        calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or []]
        return choice.message.content or "", calls, choice.finish_reason, answer.usage
    # The helper that accumulates is the strictest consumer the SDK has.
    with chat.chat.completions.stream(
        model=model, messages=messages, stream_options={"include_usage": True}, **more
    ) as events:
        kinds = [event.type for event in events]
        answer = events.get_final_completion()
    check("content.delta" in kinds or answer.choices[0].message.tool_calls, f"no deltas: {kinds}")
    choice = answer.choices[0]
    calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or []]
    return choice.message.content or "", calls, choice.finish_reason, answer.usage


def openai_sdk(model, stream):
    text, calls, finish, usage = chat_call(model, stream, [{"role": "user", "content": "Say hello"}])
    check("Hello" in text and not calls and finish == "stop", f"text: {text} {calls} {finish}")
    check(usage.prompt_tokens > 0 and usage.completion_tokens > 0, f"usage: {usage}")
    check(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, f"usage: {usage}")

    picture = [
        {"type": "text", "text": "What is in the picture?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    text, _, finish, _ = chat_call(model, stream, [{"role": "user", "content": picture}])
    check("one pixel" in text and finish == "stop", f"image: {text}")

    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
    _, calls, finish, _ = chat_call(model, stream, messages, tools=CHAT_TOOLS)
    check(finish == "tool_calls", f"finish: {finish}")
    check([name for _, name, _ in calls] == ["weather", "weather"], f"calls: {calls}")
    check([json.loads(arguments)["city"] for _, _, arguments in calls] == CITIES, f"arguments: {calls}")
    check(len({id for id, _, _ in calls}) == 2, f"ids: {calls}")

    messages.append({
        "role": "assistant",
        "tool_calls": [
            {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id, name, arguments in calls
        ],
    })
    for id, _, arguments in calls:
        messages.append({"role": "tool", "tool_call_id": id, "content": f"sunny in {json.loads(arguments)['city']}"})
    text, calls, finish, _ = chat_call(model, stream, messages, tools=CHAT_TOOLS)
    check("both sunny" in text and not calls and finish == "stop", f"results: {text} {calls} {finish}")

    # The message goes back as the object it came as.
    messages = [{"role": "user", "content": OSLO}]
    more = {"model": model, "tools": CHAT_TOOLS, "reasoning_effort": "medium"}
    for last in [False, True]:
        if stream:
            with chat.chat.completions.stream(messages=messages, **more) as events:
                for _ in events:
                    pass
                message = events.get_final_completion().choices[0].message
        else:
            message = chat.chat.completions.create(messages=messages, **more).choices[0].message
        if last:
            break
        thought = (message.model_extra or {}).get("reasoning_content") or ""
        check((thought == THOUGHT) == (model in THINKING), f"thought: {message}")
        messages.append(message)
        for call in message.tool_calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny in Oslo"})
    check(message.content == "Oslo is sunny.", f"after the thought: {message}")

    more = {"model": model, "messages": [{"role": "user", "content": DATA}], "response_format": Weather}
    if stream:
        with chat.chat.completions.stream(**more) as events:
            answer = events.get_final_completion()
    else:
        answer = chat.chat.completions.parse(**more)
    check(answer.choices[0].message.parsed == OSLO_DATA, f"data: {answer}")


def completions(model):
    """The API before Chat."""
    answer = chat.completions.create(model=model, prompt="Say hello", max_tokens=50)
    check(answer.choices[0].text == "Hello, caller." and answer.choices[0].finish_reason == "stop", f"completion: {answer}")
    check(answer.usage.total_tokens == 14, f"usage: {answer}")
    chunks = list(
        chat.completions.create(model=model, prompt="Say hello", stream=True, stream_options={"include_usage": True})
    )
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    check(text == "Hello, caller." and chunks[-1].usage.total_tokens == 14, f"streamed completion: {chunks}")


# ---- Anthropic's SDK

CLAUDE_TOOLS = [{"name": "weather", "description": "The weather of a city", "input_schema": SCHEMA}]


def claude_call(model, stream, messages, **more):
    """The whole message, streamed or not."""
    if not stream:
        return claude.messages.create(model=model, max_tokens=500, messages=messages, **more)
    with claude.messages.stream(model=model, max_tokens=500, messages=messages, **more) as events:
        kinds = [event.type for event in events]
        message = events.get_final_message()
    check(kinds[0] == "message_start" and kinds[-1] == "message_stop", f"events: {kinds}")
    return message


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def anthropic_sdk(model, stream):
    message = claude_call(model, stream, [{"role": "user", "content": "Say hello"}])
    check("Hello" in text_of(message) and message.stop_reason == "end_turn", f"text: {message}")
    check(message.usage.input_tokens > 0 and message.usage.output_tokens > 0, f"usage: {message.usage}")

    picture = [
        {"type": "text", "text": "What is in the picture?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
    ]
    message = claude_call(model, stream, [{"role": "user", "content": picture}])
    check("one pixel" in text_of(message), f"image: {message}")

    messages = [{"role": "user", "content": QUESTION}]
    message = claude_call(model, stream, messages, tools=CLAUDE_TOOLS, system="Be brief.")
    calls = [block for block in message.content if block.type == "tool_use"]
    check(message.stop_reason == "tool_use", f"stop: {message.stop_reason}")
    check([call.input.get("city") for call in calls] == CITIES, f"calls: {calls}")
    check(len({call.id for call in calls}) == 2, f"ids: {calls}")

    messages.append({
        "role": "assistant",
        "content": [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input} for call in calls],
    })
    messages.append({
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"sunny in {call.input['city']}"} for call in calls
        ],
    })
    message = claude_call(model, stream, messages, tools=CLAUDE_TOOLS, system="Be brief.")
    check("both sunny" in text_of(message) and message.stop_reason == "end_turn", f"results: {message}")

    messages = [{"role": "user", "content": OSLO}]
    more = {
        "model": model,
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": CLAUDE_TOOLS,
    }
    for last in [False, True]:
        if stream:
            with claude.messages.stream(messages=messages, **more) as events:
                message = events.get_final_message()
        else:
            message = claude.messages.create(messages=messages, **more)
        if last:
            break
        thoughts = [block.thinking for block in message.content if block.type == "thinking"]
        check((thoughts == [THOUGHT]) == (model in THINKING), f"thought: {message}")
        messages.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "sunny in Oslo"}
            for block in message.content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})
    check(text_of(message) == "Oslo is sunny.", f"after the thought: {message}")

    more = {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": DATA}], "output_format": Weather}
    if stream:
        with claude.messages.stream(**more) as events:
            message = events.get_final_message()
    else:
        message = claude.messages.parse(**more)
    check(message.parsed_output == OSLO_DATA, f"data: {message}")


# ---- OpenAI's SDK, Responses

RESPONSES_TOOLS = [{"type": "function", "name": "weather", "description": "The weather of a city", "parameters": SCHEMA, "strict": False}]


def responses_call(model, stream, input, **more):
    """The whole response, streamed or not."""
    if not stream:
        return chat.responses.create(model=model, input=input, **more)
    # Raw events first: this way the order is seen as it is.
    with chat.responses.create(model=model, input=input, stream=True, **more) as events:
        numbers = [event.sequence_number for event in events]
    check(numbers == list(range(len(numbers))), f"sequence: {numbers}")
    with chat.responses.stream(model=model, input=input, **more) as events:
        kinds = [event.type for event in events]
        answer = events.get_final_response()
    check(kinds[0] == "response.created" and kinds[-1] == "response.completed", f"events: {kinds}")
    return answer


def responses_sdk(model, stream):
    answer = responses_call(model, stream, "Say hello", instructions="Be brief.")
    check("Hello" in answer.output_text and answer.status == "completed", f"text: {answer}")
    check(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, f"usage: {answer.usage}")
    check(answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens, f"usage: {answer.usage}")

    picture = [
        {"type": "input_text", "text": "What is in the picture?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
    ]
    answer = responses_call(model, stream, [{"role": "user", "content": picture}])
    check("one pixel" in answer.output_text, f"image: {answer}")

    items = [{"role": "user", "content": QUESTION}]
    answer = responses_call(model, stream, items, tools=RESPONSES_TOOLS, store=False)
    calls = [item for item in answer.output if item.type == "function_call"]
    check([call.name for call in calls] == ["weather", "weather"], f"calls: {calls}")
    check([json.loads(call.arguments)["city"] for call in calls] == CITIES, f"arguments: {calls}")
    check(len({call.call_id for call in calls}) == 2, f"ids: {calls}")

    # As the SDK's own guide does it: the output goes back as it came.
    items += [item.to_dict() for item in answer.output]
    for call in calls:
        city = json.loads(call.arguments)["city"]
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": f"sunny in {city}"})
    answer = responses_call(model, stream, items, tools=RESPONSES_TOOLS, store=False)
    check("both sunny" in answer.output_text, f"results: {answer}")

    items = [{"role": "user", "content": OSLO}]
    more = {
        "tools": RESPONSES_TOOLS,
        "store": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    answer = responses_call(model, stream, items, **more)
    thoughts = [part.text for item in answer.output if item.type == "reasoning" for part in item.summary]
    check((thoughts == [THOUGHT]) == (model in THINKING), f"thought: {answer}")
    items += answer.output
    for item in answer.output:
        if item.type == "function_call":
            items.append({"type": "function_call_output", "call_id": item.call_id, "output": "sunny in Oslo"})
    answer = responses_call(model, stream, items, **more)
    check(answer.output_text == "Oslo is sunny.", f"after the thought: {answer}")

    if stream:
        with chat.responses.stream(model=model, input=DATA, text_format=Weather) as events:
            for _ in events:
                pass
            answer = events.get_final_response()
    else:
        answer = chat.responses.parse(model=model, input=DATA, text_format=Weather)
    check(answer.output_parsed == OSLO_DATA, f"data: {answer}")


# ---- Google's SDK

GOOGLE_TOOLS = types.GenerateContentConfig(
    system_instruction="Be brief.",
    tools=[
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(name="weather", description="The weather of a city", parameters_json_schema=SCHEMA)
            ]
        )
    ],
)


def google_call(model, stream, contents, config=None):
    """One answer as (parts, finish reason, usage)."""
    if not stream:
        chunks = [google.models.generate_content(model=model, contents=contents, config=config)]
    else:
        chunks = list(google.models.generate_content_stream(model=model, contents=contents, config=config))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
    return parts, chunks[-1].candidates[0].finish_reason, chunks[-1].usage_metadata


def google_sdk(model, stream):
    parts, finish, usage = google_call(model, stream, "Say hello")
    text = "".join(part.text or "" for part in parts)
    check("Hello" in text and finish == types.FinishReason.STOP, f"text: {parts} {finish}")
    check(usage.prompt_token_count > 0 and usage.candidates_token_count > 0, f"usage: {usage}")
    check(usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count, f"usage: {usage}")

    picture = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    parts, _, _ = google_call(model, stream, ["What is in the picture?", picture])
    check("one pixel" in "".join(part.text or "" for part in parts), f"image: {parts}")

    contents = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
    parts, finish, _ = google_call(model, stream, contents, GOOGLE_TOOLS)
    calls = [part.function_call for part in parts if part.function_call]
    check([call.name for call in calls] == ["weather", "weather"], f"calls: {calls}")
    check([call.args["city"] for call in calls] == CITIES, f"arguments: {calls}")
    check(finish == types.FinishReason.STOP, f"finish: {finish}")

    contents.append(types.Content(role="model", parts=parts))
    answers = [
        types.FunctionResponse(id=call.id, name=call.name, response={"result": f"sunny in {call.args['city']}"})
        for call in calls
    ]
    contents.append(types.Content(role="user", parts=[types.Part(function_response=answer) for answer in answers]))
    parts, _, _ = google_call(model, stream, contents, GOOGLE_TOOLS)
    check("both sunny" in "".join(part.text or "" for part in parts), f"results: {parts}")

    contents = [types.Content(role="user", parts=[types.Part(text=OSLO)])]
    config = GOOGLE_TOOLS.model_copy(
        update={"thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)}
    )
    parts, _, _ = google_call(model, stream, contents, config)
    thought = "".join(part.text or "" for part in parts if part.thought)
    check((thought == THOUGHT) == (model in THINKING), f"thought: {parts}")
    contents.append(types.Content(role="model", parts=parts))
    answers = [
        types.FunctionResponse(id=part.function_call.id, name="weather", response={"result": "sunny in Oslo"})
        for part in parts
        if part.function_call
    ]
    contents.append(types.Content(role="user", parts=[types.Part(function_response=answer) for answer in answers]))
    parts, _, _ = google_call(model, stream, contents, config)
    check("".join(part.text or "" for part in parts) == "Oslo is sunny.", f"after the thought: {parts}")

    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Weather)
    if stream:
        parts, _, _ = google_call(model, stream, DATA, config)
        data = Weather.model_validate_json("".join(part.text or "" for part in parts))
    else:
        data = google.models.generate_content(model=model, contents=DATA, config=config).parsed
    check(data == OSLO_DATA, f"data: {data}")


# ---- how many tokens it would be


def counts(model):
    counted = [
        claude.messages.count_tokens(
            model=model, messages=[{"role": "user", "content": QUESTION}], tools=CLAUDE_TOOLS, system="Be brief."
        ).input_tokens,
        google.models.count_tokens(model=model, contents=[QUESTION]).total_tokens,
        chat.responses.input_tokens.count(model=model, input=QUESTION, tools=RESPONSES_TOOLS).input_tokens,
    ]
    # Scripted vendors count seven; for those that are not asked it is estimated.
    if model in COUNTING:
        check(counted == [7, 7, 7], f"counts: {counted}")
    else:
        check(counted[0] > 20 and counted[1] > 3 and counted[2] > 20, f"estimates: {counted}")


# ---- errors are the SDKs' own kinds


def errors():
    for call, kind in [
        (lambda: chat.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "x"}]), openai.NotFoundError),
        (lambda: chat.responses.create(model="nobody", input="x"), openai.NotFoundError),
        (lambda: claude.messages.create(model="nobody", max_tokens=5, messages=[{"role": "user", "content": "x"}]), anthropic.NotFoundError),
    ]:
        try:
            call()
        except kind as error:
            check("nobody" in str(error), f"error: {error}")
        else:
            check(False, f"no {kind}")
    try:
        google.models.generate_content(model="nobody", contents="x")
    except google_errors.ClientError as error:
        check(error.code == 404 and "nobody" in str(error), f"error: {error}")
    else:
        check(False, "no ClientError")
    try:
        chat.responses.create(model="over-openai", input="x", previous_response_id="resp_1")
    except openai.BadRequestError as error:
        check(error.code == "previous_response_not_found", f"error: {error}")
    else:
        check(False, "nothing is stored here")
    names = sorted(MODELS)
    check([m.id for m in chat.models.list()] == names, "OpenAI's list of models")
    check([m.id for m in claude.models.list()] == names, "Anthropic's list of models")
    check([m.name for m in google.models.list()] == [f"models/{name}" for name in names], "Google's list of models")


COUNTING = {"over-openai", "over-responses", "over-anthropic", "over-gemini", "over-old-claude"}
SDKS = [("openai", openai_sdk), ("responses", responses_sdk), ("anthropic", anthropic_sdk), ("google", google_sdk)]
ROUNDS = [
    (f"{name} SDK, {model}, {'stream' if stream else 'whole'}", run, (model, stream))
    for model in MODELS
    for stream in [False, True]
    for name, run in SDKS
]
ROUNDS += [(f"completions, {model}", completions, (model,)) for model in MODELS]
ROUNDS += [(f"counts, {model}", counts, (model,)) for model in MODELS]
failed = False
for name, run, arguments in [*ROUNDS, ("errors and models", errors, ())]:
    try:
        run(*arguments)
    except Exception as error:
        failed = True
        print(f"FAILED: {name}: {type(error).__name__}: {error}", file=sys.stderr)
    else:
        print(f"ok: {name}")
sys.exit(failed)
