//! `server.limits`.

use super::{
    model::ServerLimits,
    reader::{At, Reader},
};
use crate::ingress::BodyShape;

const KEYS: [&str; 9] = [
    "headers",
    "header_bytes",
    "memory",
    "depth",
    "messages",
    "tools",
    "parts",
    "members",
    "values",
];

/// Less room for headers than this, and decent clients are turned away.
const LEAST_HEADER_BYTES: usize = 8 << 10;

pub(super) fn limits(reader: &mut Reader<'_>, at: &At<'_>) -> Option<ServerLimits> {
    let fields = reader.fields(at, &KEYS)?;
    let usual = ServerLimits::default();
    let mut count = |name: &str, usual: usize| {
        let read = |reader: &mut Reader<'_>, at: &At<'_>| {
            reader.positive(
                at,
                "0 would refuse every request; leave it out for the usual limit",
            )
        };
        fields.read(reader, name, read).unwrap_or(usual)
    };
    let shape = BodyShape::new()
        .depth(count("depth", usual.shape.depth))
        .messages(count("messages", usual.shape.messages))
        .tools(count("tools", usual.shape.tools))
        .parts(count("parts", usual.shape.parts))
        .members(count("members", usual.shape.members))
        .values(count("values", usual.shape.values));
    let headers = count("headers", usual.headers);
    let header_bytes = fields.read(reader, "header_bytes", |reader, at| {
        let bytes = reader.size(at)?;
        if bytes < LEAST_HEADER_BYTES {
            reader.problem(at, "less than 8KiB would refuse decent clients");
            return None;
        }
        Some(bytes)
    });
    let memory = fields.read(reader, "memory", |reader, at| {
        let bytes = reader.size(at)?;
        if bytes == 0 {
            reader.problem(at, "0 would refuse every request; write e.g. `1GiB`");
            return None;
        }
        Some(bytes)
    });
    Some(ServerLimits {
        headers,
        header_bytes: header_bytes.unwrap_or(usual.header_bytes),
        memory: memory.unwrap_or(usual.memory),
        shape,
    })
}

/// The largest body has to find room.
pub(super) fn check(reader: &mut Reader<'_>, at: &At<'_>, limits: &ServerLimits, body: usize) {
    if limits.memory < body {
        let message =
            "`limits.memory`, for all calls together, is less than `body_limit`, for one of them";
        reader.problem_at_key(at, message);
    }
}
