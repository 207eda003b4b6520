//! The tools, and whether one must be called.

use std::collections::HashSet;

use super::super::{
    node::{At, Kind::*, Unique},
    schema,
};

/// `used`: is there a call or a result in the conversation?
pub(super) fn check(at: &At<'_>, used: bool) {
    let Some(config) = at.some("toolConfig") else {
        return at.must(!used, "tools were used and none is declared");
    };
    config.shape(&[("tools", Full)], &[("toolChoice", Object)]);
    let mut names = Unique::default();
    let mut known = HashSet::new();
    let tools = config.list("tools");
    super::block::points(&tools);
    for tool in &tools {
        tool.shape(
            &[],
            &[
                ("toolSpec", Object),
                ("systemTool", Object),
                ("cachePoint", Object),
            ],
        );
        tool.must(tool.members().len() == 1, "a tool has one member");
        let Some(spec) = tool.some("toolSpec") else {
            continue;
        };
        spec.shape(
            &[("name", Name), ("inputSchema", Object)],
            &[("description", Name), ("strict", Bool)],
        );
        if let Some(name) = spec.get("name") {
            name.word("_-", 64);
            names.add(&name, name.as_text());
            known.insert(name.as_text());
        }
        if let Some(schema) = spec.get("inputSchema") {
            schema.shape(&[("json", Object)], &[]);
            if let Some(json) = schema.get("json") {
                schema::of_arguments(&json);
            }
        }
    }
    let Some(choice) = config.some("toolChoice") else {
        return;
    };
    choice.shape(&[], &[("auto", Object), ("any", Object), ("tool", Object)]);
    choice.must(choice.members().len() == 1, "one choice is made");
    if let Some(tool) = choice.some("tool") {
        tool.shape(&[("name", Name)], &[]);
        tool.must(known.contains(tool.text("name")), "a tool nobody declared");
    }
}
