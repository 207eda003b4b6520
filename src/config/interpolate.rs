//! `${NAME}` and `${NAME:-default}` inside a text.

/// The text with every reference replaced. `$${` stands for `${` itself; what the environment says is not read again.
///
/// # Errors
/// Every reference that could not be replaced, as a sentence each.
pub(super) fn interpolate(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Vec<String>> {
    let mut result = String::with_capacity(text.len());
    let mut wrong = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            result.push_str(before);
            result.push_str("${");
            rest = after;
            continue;
        }
        result.push_str(before);
        let Some((reference, after)) = after.split_once('}') else {
            wrong.push("`${` has no closing `}`; write `$${` for the characters themselves".into());
            rest = "";
            break;
        };
        match value(reference, env) {
            Ok(value) => result.push_str(&value),
            Err(why) => wrong.push(why),
        }
        rest = after;
    }
    result.push_str(rest);
    if wrong.is_empty() {
        Ok(result)
    } else {
        Err(wrong)
    }
}

/// Does the text refer to the environment?
pub(super) fn refers(text: &str) -> bool {
    text.contains("${")
}

fn value(reference: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let legal = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty();
    if !legal {
        return Err(format!(
            "`${{{reference}}}` is not a variable; write `${{NAME}}` or `${{NAME:-default}}`"
        ));
    }
    match (env(name).filter(|value| !value.is_empty()), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(format!(
            "the environment variable {name} is not set, or empty; set it or write `${{{name}:-default}}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".to_owned()),
            "QUOTES" => Some("\"} # ${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced() {
        for (text, expected) in [
            ("", ""),
            ("$5 {A} $A", "$5 {A} $A"),
            ("<${A}${A}>", "<oneone>"),
            ("${NONE:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${A:-two}", "one"),
            ("${NONE:-}", ""),
            ("$${A}", "${A}"),
            ("${QUOTES}", "\"} # ${A}"),
        ] {
            assert_eq!(
                interpolate(text, &env).as_deref(),
                Ok(expected),
                "text {text}"
            );
        }
    }

    #[test]
    fn everything_that_is_missing_is_named() {
        let wrong = interpolate("${NONE} ${EMPTY} ${a b} ${} ${A", &env).unwrap_err();
        assert_eq!(wrong.len(), 5);
        assert!(wrong[0].contains("NONE is not set"));
        assert!(wrong[1].contains("EMPTY is not set, or empty"));
        assert!(wrong[2].contains("`${a b}` is not a variable"));
        assert!(wrong[4].contains("closing"));
    }
}
