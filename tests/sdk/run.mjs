// The official JavaScript SDKs, unmodified, as callers of the gateway.
//
// usage: run.mjs GATEWAY_URL MODELS_THAT_THINK OTHER_MODELS
//
// The packages are taken from TRUNKLINE_JS_SDKS, a directory node_modules. A shorter form of run.py: text, two tools at once and their
// results, thinking that goes back; whole and streamed. Prints a line for each round, and exits with 1 if one is not as it should be.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.TRUNKLINE_JS_SDKS}/`);
const OpenAI = require("openai").default;
const Anthropic = require("@anthropic-ai/sdk").default;
const { GoogleGenAI } = require("@google/genai");

const [gateway, thinking, plain] = process.argv.slice(2);
const THINKING = thinking.split(",");
const MODELS = [...THINKING, ...plain.split(",")];
const QUESTION = "How is the weather in Paris and in Rome? Use the tool.";
const CITIES = ["Paris", "Rome"];
const OSLO = "Think of Oslo, then use the tool.";
const THOUGHT = "They ask about Oslo.";
const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const WEATHER = { name: "weather", description: "The weather of a city" };

const options = { apiKey: "caller", maxRetries: 0, timeout: 20000 };
const chat = new OpenAI({ ...options, baseURL: `${gateway}/v1` });
const claude = new Anthropic({ ...options, baseURL: gateway });
const google = new GoogleGenAI({ apiKey: "caller", httpOptions: { baseUrl: gateway } });

const all = async (events) => {
  const list = [];
  for await (const event of events) list.push(event);
  return list;
};

// Each SDK: asks, and gives text, thought, calls, and the turns that go back with the tool's results.

async function openaiSdk(model, stream, messages, tools, thinks) {
  const request = {
    model,
    messages,
    ...(tools && { tools: [{ type: "function", function: { ...WEATHER, parameters: SCHEMA } }] }),
    ...(thinks && { reasoning_effort: "medium" }),
  };
  let reasoning = "";
  // Of a streamed member that it does not know the SDK's helper keeps the last piece alone.
  const gather = (chunk) => (reasoning += chunk.choices[0]?.delta.reasoning_content ?? "");
  const answer = stream
    ? await chat.chat.completions.stream(request).on("chunk", gather).finalChatCompletion()
    : await chat.chat.completions.create(request);
  const { message, finish_reason } = answer.choices[0];
  if (reasoning) message.reasoning_content = reasoning;
  const calls = message.tool_calls ?? [];
  assert.equal(finish_reason, calls.length ? "tool_calls" : "stop");
  return {
    text: message.content ?? "",
    thought: message.reasoning_content,
    cities: calls.map((call) => JSON.parse(call.function.arguments).city),
    back: (results) => [
      message,
      ...calls.map((call, i) => ({ role: "tool", tool_call_id: call.id, content: results[i] })),
    ],
  };
}

async function responsesSdk(model, stream, input, tools, thinks) {
  const request = {
    model,
    input,
    store: false,
    ...(tools && { tools: [{ type: "function", ...WEATHER, parameters: SCHEMA, strict: false }] }),
    ...(thinks && {
      reasoning: { effort: "medium", summary: "auto" },
      include: ["reasoning.encrypted_content"],
    }),
  };
  const answer = stream
    ? await chat.responses.stream(request).finalResponse()
    : await chat.responses.create(request);
  assert.equal(answer.status, "completed");
  const calls = answer.output.filter((item) => item.type === "function_call");
  const thoughts = answer.output.filter((item) => item.type === "reasoning");
  return {
    text: answer.output_text,
    thought: thoughts.flatMap((item) => item.summary.map((part) => part.text)).join(""),
    cities: calls.map((call) => JSON.parse(call.arguments).city),
    back: (results) => [
      ...answer.output,
      ...calls.map((call, i) => ({ type: "function_call_output", call_id: call.call_id, output: results[i] })),
    ],
  };
}

async function anthropicSdk(model, stream, messages, tools, thinks) {
  const request = {
    model,
    max_tokens: 4000,
    messages,
    ...(tools && { tools: [{ ...WEATHER, input_schema: SCHEMA }] }),
    ...(thinks && { thinking: { type: "enabled", budget_tokens: 1024 } }),
  };
  const message = stream
    ? await claude.messages.stream(request).finalMessage()
    : await claude.messages.create(request);
  const of = (type) => message.content.filter((block) => block.type === type);
  const calls = of("tool_use");
  assert.equal(message.stop_reason, calls.length ? "tool_use" : "end_turn");
  return {
    text: of("text").map((block) => block.text).join(""),
    thought: of("thinking").map((block) => block.thinking).join(""),
    cities: calls.map((call) => call.input.city),
    back: (results) => [
      { role: "assistant", content: message.content },
      {
        role: "user",
        content: calls.map((call, i) => ({ type: "tool_result", tool_use_id: call.id, content: results[i] })),
      },
    ],
  };
}

async function googleSdk(model, stream, turns, tools, thinks) {
  const contents = turns.map((turn) => (turn.parts ? turn : { role: turn.role, parts: [{ text: turn.content }] }));
  const request = {
    model,
    contents,
    config: {
      ...(tools && { tools: [{ functionDeclarations: [{ ...WEATHER, parametersJsonSchema: SCHEMA }] }] }),
      ...(thinks && { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } }),
    },
  };
  const chunks = stream
    ? await all(await google.models.generateContentStream(request))
    : [await google.models.generateContent(request)];
  assert.equal(chunks.at(-1).candidates[0].finishReason, "STOP");
  const parts = chunks.flatMap((chunk) => chunk.candidates[0].content?.parts ?? []);
  const calls = parts.flatMap((part) => part.functionCall ?? []);
  const said = (thought) =>
    parts.filter((part) => !part.thought === !thought).map((part) => part.text ?? "").join("");
  return {
    text: said(false),
    thought: said(true),
    cities: calls.map((call) => call.args.city),
    back: (results) => [
      { role: "model", parts },
      {
        role: "user",
        parts: calls.map(({ id, name }, i) => ({ functionResponse: { id, name, response: { result: results[i] } } })),
      },
    ],
  };
}

async function round(sdk, model, stream) {
  const user = (content) => ({ role: "user", content });
  const hello = await sdk(model, stream, [user("Say hello")]);
  assert.equal(hello.text, "Hello, caller.");

  const first = await sdk(model, stream, [user(QUESTION)], true);
  assert.deepEqual(first.cities, CITIES, first.text);
  const results = CITIES.map((city) => `sunny in ${city}`);
  const second = await sdk(model, stream, [user(QUESTION), ...first.back(results)], true);
  assert.equal(second.text, "It is both sunny.");

  const thought = await sdk(model, stream, [user(OSLO)], true, true);
  assert.deepEqual(thought.cities, ["Oslo"], thought.text);
  assert.equal(thought.thought || "", THINKING.includes(model) ? THOUGHT : "");
  const last = await sdk(model, stream, [user(OSLO), ...thought.back(["sunny in Oslo"])], true, true);
  assert.equal(last.text, "Oslo is sunny.");
}

const SDKS = { openai: openaiSdk, responses: responsesSdk, anthropic: anthropicSdk, google: googleSdk };
let failed = false;
for (const model of MODELS) {
  for (const stream of [false, true]) {
    for (const [name, sdk] of Object.entries(SDKS)) {
      const what = `JavaScript ${name} SDK, ${model}, ${stream ? "stream" : "whole"}`;
      try {
        await round(sdk, model, stream);
        console.log(`ok: ${what}`);
      } catch (error) {
        failed = true;
        console.error(`FAILED: ${what}: ${error.stack}`);
      }
    }
  }
}
process.exit(failed ? 1 : 0);
