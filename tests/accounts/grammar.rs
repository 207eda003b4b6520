//! Grammars of requests, as JSON with a few signs of its own.
//!
//! - A member whose name ends in `?`, and an item `{"?": item}`, may be left out.
//! - `{"|": [a, b]}` is one of several.
//! - `$s` in a text or in a member's name is a text of its own; `{"#": n}` is a whole number of its own from `n`, `{"#": 0.1}` a
//!   fraction. They are the leaves that have to be accounted for.

use serde_json::{Map, Value};

/// A request and its leaves.
pub struct Made {
    pub body: Value,
    pub leaves: Vec<Leaf>,
}

/// A text that stands in the request once.
pub struct Leaf {
    pub path: String,
    pub text: String,
}

/// A request of this grammar. Each choice decides whether something is there, or which of several it is.
pub fn made(grammar: &str, choices: Vec<u8>) -> Made {
    let grammar: Value = serde_json::from_str(grammar).expect("a grammar is JSON");
    let mut maker = Maker {
        choices: choices.into_iter(),
        leaves: Vec::new(),
    };
    let body = maker.value(&grammar, "");
    Made {
        body,
        leaves: maker.leaves,
    }
}

struct Maker {
    choices: std::vec::IntoIter<u8>,
    leaves: Vec<Leaf>,
}

impl Maker {
    /// Odd choices keep what is optional.
    fn keeps(&mut self) -> bool {
        self.choose() % 2 == 1
    }

    fn choose(&mut self) -> usize {
        self.choices.next().unwrap_or(0).into()
    }

    fn leaf(&mut self, path: &str, text: String) {
        self.leaves.push(Leaf {
            path: path.to_owned(),
            text,
        });
    }

    /// Eight characters, so that it is base64 too.
    fn text(&mut self, path: &str, text: &str) -> String {
        let mut out = text.to_owned();
        while out.contains("$s") {
            let own = format!("sent{:04}", self.leaves.len());
            out = out.replacen("$s", &own, 1);
            self.leaf(path, own);
        }
        out
    }

    fn value(&mut self, grammar: &Value, path: &str) -> Value {
        match grammar {
            Value::String(text) => Value::String(self.text(path, text)),
            Value::Array(items) => {
                let mut out = Vec::new();
                for item in items {
                    let at = format!("{path}[{}]", out.len());
                    match item.get("?") {
                        Some(_) if !self.keeps() => {}
                        Some(item) => out.push(self.value(item, &at)),
                        None => out.push(self.value(item, &at)),
                    }
                }
                Value::Array(out)
            }
            Value::Object(members) => self.object(members, path),
            other => other.clone(),
        }
    }

    fn object(&mut self, members: &Map<String, Value>, path: &str) -> Value {
        if let Some(Value::Array(several)) = members.get("|") {
            let chosen = self.choose() / 2 % several.len();
            return self.value(&several[chosen], path);
        }
        if let Some(from) = members.get("#") {
            let number = self.leaves.len();
            let own = match from.as_u64() {
                Some(from) => Value::from(from + number as u64),
                None => serde_json::from_str(&format!("0.1{number:03}7")).unwrap(),
            };
            self.leaf(path, own.to_string());
            return own;
        }
        let mut out = Map::new();
        for (name, value) in members {
            let name = match name.strip_suffix('?') {
                Some(_) if !self.keeps() => continue,
                Some(name) => name,
                None => name,
            };
            let name = self.text(path, name);
            let at = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            let value = self.value(value, &at);
            out.insert(name, value);
        }
        Value::Object(out)
    }
}

pub const OPENAI_CHAT: &str = r##"{
 "model": "m",
 "max_tokens?": {
  "#": 20000
 },
 "messages": [
  {
   "?": {
    "role": "system",
    "content": {
     "|": [
      "$s",
      [
       {
        "type": "text",
        "text": "$s"
       },
       {
        "type": "text",
        "text": "$s"
       }
      ]
     ]
    },
    "name?": "$s"
   }
  },
  {
   "role": "user",
   "content": {
    "|": [
     [
      {
       "type": "text",
       "text": "$s",
       "cache_control?": {
        "type": "ephemeral"
       }
      },
      {
       "?": {
        "type": "image_url",
        "image_url": {
         "url": {
          "|": [
           "https://e.example/$s.png",
           "data:image/png;base64,$s"
          ]
         },
         "detail?": "low"
        },
        "cache_control?": {
         "type": "ephemeral"
        }
       }
      },
      {
       "?": {
        "type": "input_audio",
        "input_audio": {
         "data": "$s",
         "format": "wav"
        }
       }
      },
      {
       "?": {
        "type": "file",
        "file": {
         "file_data": "data:application/pdf;base64,$s",
         "filename?": "$s.pdf"
        }
       }
      },
      {
       "?": {
        "type": "video_url",
        "video_url": {
         "url": "https://e.example/$s.mp4"
        }
       }
      },
      {
       "?": {
        "type": "text",
        "text": "$s",
        "unheard?": "$s"
       }
      }
     ],
     "$s"
    ]
   },
   "name?": "$s",
   "unheard?": "$s"
  },
  {
   "?": {
    "role": "assistant",
    "content?": "$s",
    "refusal?": "$s",
    "reasoning_content?": "$s",
    "name?": "$s",
    "annotations?": [
     {
      "type": "url_citation",
      "url_citation": {
       "url": "https://e.example/$s"
      }
     }
    ],
    "tool_calls": [
     {
      "id": "call_1",
      "type": "function",
      "function": {
       "name": "look",
       "arguments": "{\"a\":\"$s\"}"
      }
     },
     {
      "id": "call_2",
      "type": "custom",
      "custom": {
       "name": "free",
       "input": "$s"
      }
     }
    ]
   }
  },
  {
   "?": {
    "role": "tool",
    "tool_call_id": "call_1",
    "content": {
     "|": [
      "$s",
      [
       {
        "type": "text",
        "text": "$s"
       },
       {
        "type": "image_url",
        "image_url": {
         "url": "data:image/png;base64,$s"
        }
       }
      ]
     ]
    }
   }
  },
  {
   "?": {
    "role": "tool",
    "tool_call_id": "call_2",
    "content": "$s"
   }
  },
  {
   "?": {
    "role": "assistant",
    "content": {
     "|": [
      "$s",
      [
       {
        "type": "text",
        "text": "$s"
       },
       {
        "type": "refusal",
        "refusal": "$s"
       }
      ]
     ]
    },
    "audio?": {
     "id": "$s"
    }
   }
  },
  {
   "?": {
    "role": "developer",
    "content": "$s"
   }
  },
  {
   "role": "user",
   "content": "$s"
  }
 ],
 "tools?": [
  {
   "type": "function",
   "function": {
    "name": "look",
    "description?": "$s",
    "parameters?": {
     "type": "object",
     "properties": {
      "$s": {
       "type": "string",
       "description?": "$s",
       "enum?": [
        "$s"
       ]
      }
     },
     "title?": "$s",
     "description?": "$s"
    },
    "strict?": true,
    "extra?": "$s"
   },
   "cache_control?": {
    "type": "ephemeral"
   }
  },
  {
   "?": {
    "type": "custom",
    "custom": {
     "name": "free",
     "description?": "$s",
     "format?": {
      "type": "grammar",
      "grammar": {
       "syntax": "lark",
       "definition": "$s"
      }
     }
    }
   }
  },
  {
   "?": {
    "type": "function",
    "function": {
     "name": "other",
     "description": "$s"
    }
   }
  },
  {
   "?": {
    "type": "browser_search",
    "browser_search": {
     "x": "$s"
    }
   }
  }
 ],
 "tool_choice?": {
  "|": [
   "auto",
   "required",
   "none",
   {
    "type": "function",
    "function": {
     "name": "look"
    }
   },
   {
    "type": "allowed_tools",
    "allowed_tools": {
     "mode": "required",
     "tools": [
      {
       "type": "function",
       "function": {
        "name": "look"
       }
      }
     ]
    }
   }
  ]
 },
 "parallel_tool_calls?": {
  "|": [
   true,
   false
  ]
 },
 "temperature?": {
  "#": 0.1
 },
 "top_p?": {
  "#": 0.1
 },
 "top_k?": {
  "#": 300
 },
 "frequency_penalty?": {
  "#": 0.1
 },
 "presence_penalty?": {
  "#": 0.1
 },
 "seed?": {
  "#": 700000
 },
 "stop?": {
  "|": [
   "$s",
   [
    "$s"
   ],
   [
    "$s",
    "$s",
    "$s",
    "$s",
    "$s",
    "$s"
   ]
  ]
 },
 "logprobs?": true,
 "top_logprobs?": {
  "#": 5000
 },
 "logit_bias?": {
  "$s": 1
 },
 "reasoning_effort?": {
  "|": [
   "low",
   "none",
   "$s"
  ]
 },
 "thinking?": {
  "type": "enabled",
  "budget_tokens": {
   "#": 4000
  }
 },
 "response_format?": {
  "|": [
   {
    "type": "json_object"
   },
   {
    "type": "json_schema",
    "json_schema": {
     "name?": "$s",
     "description?": "$s",
     "schema": {
      "type": "object",
      "properties": {
       "$s": {
        "type": "string",
        "description?": "$s",
        "enum?": [
         "$s"
        ]
       }
      },
      "title?": "$s",
      "description?": "$s"
     },
     "strict?": true
    }
   }
  ]
 },
 "user?": "$s",
 "safety_identifier?": "$s",
 "prompt_cache_key?": "$s",
 "service_tier?": {
  "|": [
   "flex",
   "$s"
  ]
 },
 "store?": true,
 "metadata?": {
  "$s": "$s"
 },
 "modalities?": [
  "$s"
 ],
 "prediction?": {
  "type": "content",
  "content": "$s"
 },
 "web_search_options?": {
  "search_context_size?": "$s",
  "user_location?": {
   "approximate": {
    "city": "$s"
   }
  }
 },
 "verbosity?": "$s",
 "stream_options?": {
  "include_usage": true,
  "other?": "$s"
 },
 "whatever?": {
  "a": [
   "$s"
  ]
 }
}"##;

pub const OPENAI_RESPONSES: &str = r##"{
 "model": "m",
 "instructions?": "$s",
 "max_output_tokens?": {
  "#": 20000
 },
 "input": {
  "|": [
   [
    {
     "?": {
      "role": "developer",
      "content": "$s"
     }
    },
    {
     "type": "message",
     "role": "user",
     "content": {
      "|": [
       [
        {
         "type": "input_text",
         "text": "$s",
         "prompt_cache_breakpoint?": {
          "mode": "explicit"
         }
        },
        {
         "?": {
          "type": "input_image",
          "image_url": {
           "|": [
            "https://e.example/$s.png",
            "data:image/png;base64,$s"
           ]
          },
          "detail?": "low"
         }
        },
        {
         "?": {
          "type": "input_file",
          "file_data": "data:application/pdf;base64,$s",
          "filename?": "$s.pdf"
         }
        },
        {
         "?": {
          "type": "input_file",
          "file_url": "https://e.example/$s.pdf",
          "filename?": "$s.pdf"
         }
        },
        {
         "?": {
          "type": "input_audio",
          "input_audio": {
           "data": "$s",
           "format": "wav"
          }
         }
        },
        {
         "?": {
          "type": "something_new",
          "data": "$s"
         }
        },
        {
         "?": {
          "type": "input_text",
          "text": "$s",
          "unheard?": "$s"
         }
        }
       ],
       "$s"
      ]
     },
     "unheard?": "$s"
    },
    {
     "?": {
      "type": "reasoning",
      "id": "rs_1",
      "summary": [
       {
        "type": "summary_text",
        "text": "$s"
       }
      ],
      "encrypted_content?": "$s"
     }
    },
    {
     "?": {
      "type": "message",
      "id": "msg_1",
      "status": "completed",
      "role": "assistant",
      "phase?": "$s",
      "content": [
       {
        "type": "output_text",
        "text": "$s",
        "annotations?": [
         {
          "type": "url_citation",
          "url": "https://e.example/$s",
          "title": "$s",
          "start_index": 0,
          "end_index": 1
         }
        ]
       },
       {
        "?": {
         "type": "refusal",
         "refusal": "$s"
        }
       }
      ]
     }
    },
    {
     "?": {
      "type": "web_search_call",
      "id": "ws_1",
      "status": "completed",
      "action": {
       "type": "search",
       "query": "$s"
      }
     }
    },
    {
     "type": "function_call",
     "id": "fc_1",
     "call_id": "call_1",
     "name": "look",
     "arguments": "{\"a\":\"$s\"}"
    },
    {
     "?": {
      "type": "custom_tool_call",
      "call_id": "call_2",
      "name": "free",
      "input": "$s"
     }
    },
    {
     "type": "function_call_output",
     "call_id": "call_1",
     "output": {
      "|": [
       "$s",
       [
        {
         "type": "input_text",
         "text": "$s"
        },
        {
         "type": "input_image",
         "image_url": "data:image/png;base64,$s"
        }
       ]
      ]
     }
    },
    {
     "?": {
      "type": "custom_tool_call_output",
      "call_id": "call_2",
      "output": "$s"
     }
    },
    {
     "?": {
      "role": "assistant",
      "content": "$s"
     }
    },
    {
     "role": "user",
     "content": "$s"
    }
   ],
   "$s"
  ]
 },
 "tools?": [
  {
   "type": "function",
   "name": "look",
   "description?": "$s",
   "parameters?": {
    "type": "object",
    "properties": {
     "$s": {
      "type": "string",
      "description?": "$s",
      "enum?": [
       "$s"
      ]
     }
    },
    "title?": "$s",
    "description?": "$s"
   },
   "strict?": true,
   "extra?": "$s"
  },
  {
   "?": {
    "type": "custom",
    "name": "free",
    "description?": "$s",
    "format?": {
     "type": "grammar",
     "syntax": "lark",
     "definition": "$s"
    }
   }
  },
  {
   "?": {
    "type": "namespace",
    "name": "space",
    "description?": "$s",
    "tools": [
     {
      "type": "function",
      "name": "inner",
      "description": "$s"
     }
    ]
   }
  },
  {
   "?": {
    "type": "web_search",
    "filters?": {
     "allowed_domains": [
      "$s"
     ]
    }
   }
  },
  {
   "?": {
    "type": "mcp",
    "server_label": "$s",
    "server_url": "https://e.example/$s"
   }
  }
 ],
 "tool_choice?": {
  "|": [
   "auto",
   "required",
   "none",
   {
    "type": "function",
    "name": "look"
   },
   {
    "type": "allowed_tools",
    "mode": "auto",
    "tools": [
     {
      "type": "function",
      "name": "look"
     }
    ]
   },
   {
    "type": "mcp",
    "server_label": "$s"
   }
  ]
 },
 "parallel_tool_calls?": {
  "|": [
   true,
   false
  ]
 },
 "max_tool_calls?": {
  "#": 60000
 },
 "temperature?": {
  "#": 0.1
 },
 "top_p?": {
  "#": 0.1
 },
 "top_logprobs?": {
  "#": 5000
 },
 "include?": [
  "message.output_text.logprobs",
  "$s"
 ],
 "reasoning?": {
  "effort?": {
   "|": [
    "low",
    "$s"
   ]
  },
  "summary?": {
   "|": [
    "auto",
    "$s"
   ]
  },
  "context?": "$s"
 },
 "text?": {
  "format?": {
   "|": [
    {
     "type": "json_object"
    },
    {
     "type": "json_schema",
     "name?": "$s",
     "description?": "$s",
     "schema": {
      "type": "object",
      "properties": {
       "$s": {
        "type": "string",
        "description?": "$s",
        "enum?": [
         "$s"
        ]
       }
      },
      "title?": "$s",
      "description?": "$s"
     },
     "strict?": true
    }
   ]
  },
  "verbosity?": "$s"
 },
 "truncation?": "$s",
 "store?": true,
 "metadata?": {
  "$s": "$s"
 },
 "user?": "$s",
 "safety_identifier?": "$s",
 "prompt_cache_key?": "$s",
 "prompt_cache_retention?": "$s",
 "service_tier?": {
  "|": [
   "flex",
   "$s"
  ]
 },
 "whatever?": {
  "a": [
   "$s"
  ]
 }
}"##;

pub const ANTHROPIC: &str = r##"{
 "model": "m",
 "max_tokens": {
  "#": 20000
 },
 "system?": {
  "|": [
   "$s",
   [
    {
     "type": "text",
     "text": "$s",
     "cache_control?": {
      "type": "ephemeral",
      "ttl?": "1h"
     }
    },
    {
     "?": {
      "type": "text",
      "text": "$s"
     }
    }
   ]
  ]
 },
 "messages": [
  {
   "role": "user",
   "content": {
    "|": [
     [
      {
       "type": "text",
       "text": "$s",
       "cache_control?": {
        "type": "ephemeral",
        "ttl?": "1h"
       }
      },
      {
       "?": {
        "type": "image",
        "source": {
         "|": [
          {
           "type": "base64",
           "media_type": "image/png",
           "data": "$s"
          },
          {
           "type": "url",
           "url": "https://e.example/$s.png"
          }
         ]
        },
        "cache_control?": {
         "type": "ephemeral",
         "ttl?": "1h"
        }
       }
      },
      {
       "?": {
        "type": "document",
        "source": {
         "|": [
          {
           "type": "base64",
           "media_type": "application/pdf",
           "data": "$s"
          },
          {
           "type": "text",
           "media_type": "text/plain",
           "data": "$s"
          },
          {
           "type": "content",
           "content": [
            {
             "type": "text",
             "text": "$s"
            },
            {
             "?": {
              "type": "image",
              "source": {
               "type": "base64",
               "media_type": "image/png",
               "data": "$s"
              }
             }
            }
           ]
          }
         ]
        },
        "title?": "$s",
        "context?": "$s",
        "citations?": {
         "enabled": true
        },
        "cache_control?": {
         "type": "ephemeral",
         "ttl?": "1h"
        }
       }
      },
      {
       "?": {
        "type": "search_result",
        "source": "$s",
        "title": "$s",
        "content": [
         {
          "type": "text",
          "text": "$s"
         }
        ]
       }
      },
      {
       "?": {
        "type": "text",
        "text": "$s",
        "unheard?": "$s"
       }
      }
     ],
     "$s"
    ]
   },
   "unheard?": "$s"
  },
  {
   "role": "assistant",
   "content": [
    {
     "?": {
      "type": "thinking",
      "thinking": "$s",
      "signature": "$s"
     }
    },
    {
     "?": {
      "type": "redacted_thinking",
      "data": "$s"
     }
    },
    {
     "?": {
      "type": "text",
      "text": "$s",
      "citations?": [
       {
        "type": "char_location",
        "cited_text": "$s",
        "document_index": 0,
        "document_title": "$s",
        "start_char_index": 0,
        "end_char_index": 1
       },
       {
        "?": {
         "type": "web_search_result_location",
         "url": "https://e.example/$s",
         "title": "$s",
         "cited_text": "$s",
         "encrypted_index": "$s"
        }
       }
      ]
     }
    },
    {
     "?": {
      "type": "server_tool_use",
      "id": "srv_1",
      "name": "web_search",
      "input": {
       "query": "$s"
      }
     }
    },
    {
     "type": "tool_use",
     "id": "call_1",
     "name": "look",
     "input": {
      "a": "$s"
     },
     "cache_control?": {
      "type": "ephemeral",
      "ttl?": "1h"
     },
     "caller?": {
      "type": "$s"
     }
    }
   ]
  },
  {
   "role": "user",
   "content": [
    {
     "type": "tool_result",
     "tool_use_id": "call_1",
     "is_error?": true,
     "cache_control?": {
      "type": "ephemeral",
      "ttl?": "1h"
     },
     "content": {
      "|": [
       "$s",
       [
        {
         "type": "text",
         "text": "$s",
         "cache_control?": {
          "type": "ephemeral",
          "ttl?": "1h"
         }
        },
        {
         "?": {
          "type": "image",
          "source": {
           "type": "base64",
           "media_type": "image/png",
           "data": "$s"
          }
         }
        },
        {
         "?": {
          "type": "document",
          "title?": "$s",
          "source": {
           "type": "base64",
           "media_type": "application/pdf",
           "data": "$s"
          }
         }
        },
        {
         "?": {
          "type": "search_result",
          "source": "$s",
          "title": "$s",
          "content": []
         }
        }
       ]
      ]
     }
    },
    {
     "?": {
      "type": "text",
      "text": "$s"
     }
    }
   ]
  },
  {
   "?": {
    "role": "system",
    "content": "$s"
   }
  },
  {
   "?": {
    "role": "assistant",
    "content": "$s"
   }
  },
  {
   "role": "user",
   "content": "$s"
  }
 ],
 "tools": [
  {
   "name": "look",
   "description?": "$s",
   "input_schema": {
    "type": "object",
    "properties": {
     "$s": {
      "type": "string",
      "description?": "$s",
      "enum?": [
       "$s"
      ]
     }
    },
    "title?": "$s",
    "description?": "$s"
   },
   "strict?": true,
   "cache_control?": {
    "type": "ephemeral",
    "ttl?": "1h"
   },
   "input_examples?": [
    {
     "a": "$s"
    }
   ],
   "type?": "custom"
  },
  {
   "?": {
    "type": "web_search_20250305",
    "name": "web_search",
    "max_uses?": {
     "#": 60000
    },
    "allowed_domains?": [
     "$s"
    ]
   }
  },
  {
   "?": {
    "type": "bash_20250124",
    "name": "bash"
   }
  },
  {
   "?": {
    "name": "$s",
    "description": "$s",
    "input_schema": {
     "type": "object"
    }
   }
  }
 ],
 "tool_choice?": {
  "type": {
   "|": [
    "auto",
    "any",
    "none"
   ]
  },
  "disable_parallel_tool_use?": true
 },
 "temperature?": {
  "#": 0.1
 },
 "top_p?": {
  "#": 0.1
 },
 "top_k?": {
  "#": 300
 },
 "stop_sequences?": {
  "|": [
   [
    "$s"
   ],
   [
    "$s",
    "$s",
    "$s",
    "$s",
    "$s",
    "$s"
   ]
  ]
 },
 "thinking?": {
  "|": [
   {
    "type": "enabled",
    "budget_tokens": {
     "#": 4000
    },
    "display?": "$s"
   },
   {
    "type": "adaptive"
   },
   {
    "type": "disabled"
   }
  ]
 },
 "output_config?": {
  "effort?": {
   "|": [
    "low",
    "$s"
   ]
  },
  "format?": {
   "type": "json_schema",
   "schema": {
    "type": "object",
    "properties": {
     "$s": {
      "type": "string",
      "description?": "$s",
      "enum?": [
       "$s"
      ]
     }
    },
    "title?": "$s",
    "description?": "$s"
   }
  },
  "other?": "$s"
 },
 "metadata?": {
  "user_id?": "$s",
  "other?": "$s"
 },
 "service_tier?": {
  "|": [
   "standard_only",
   "$s"
  ]
 },
 "cache_control?": {
  "type": "ephemeral",
  "ttl?": "1h"
 },
 "mcp_servers?": [
  {
   "type": "url",
   "name": "$s",
   "url": "https://e.example/$s"
  }
 ],
 "container?": "$s",
 "context_management?": {
  "edits": [
   "$s"
  ]
 },
 "whatever?": {
  "a": [
   "$s"
  ]
 }
}"##;

pub const GEMINI: &str = r##"{
 "systemInstruction?": {
  "|": [
   {
    "parts": [
     {
      "text": "$s"
     },
     {
      "?": {
       "text": "$s"
      }
     }
    ]
   },
   "$s"
  ]
 },
 "contents": [
  {
   "role": "user",
   "parts": [
    {
     "text": "$s"
    },
    {
     "?": {
      "inlineData": {
       "mimeType": {
        "|": [
         "image/png",
         "application/pdf",
         "audio/wav",
         "video/mp4"
        ]
       },
       "data": "$s",
       "displayName?": "$s"
      }
     }
    },
    {
     "?": {
      "fileData": {
       "mimeType": {
        "|": [
         "image/png",
         "application/pdf"
        ]
       },
       "fileUri": {
        "|": [
         "https://e.example/$s.png",
         "https://e.example/$s"
        ]
       }
      }
     }
    },
    {
     "?": {
      "inlineData": {
       "mimeType": "video/mp4",
       "data": "$s"
      },
      "videoMetadata": {
       "fps": 1,
       "startOffset": "$s"
      }
     }
    },
    {
     "?": {
      "text": "$s",
      "unheard?": "$s"
     }
    }
   ],
   "unheard?": "$s"
  },
  {
   "role": "model",
   "parts": [
    {
     "?": {
      "text": "$s",
      "thought": true,
      "thoughtSignature?": "c2ln"
     }
    },
    {
     "?": {
      "text": "$s"
     }
    },
    {
     "?": {
      "executableCode": {
       "language": "PYTHON",
       "code": "$s"
      }
     }
    },
    {
     "functionCall": {
      "name": "look",
      "id?": "call_1",
      "args": {
       "a": "$s"
      }
     },
     "thoughtSignature?": "$s"
    }
   ]
  },
  {
   "role": "user",
   "parts": [
    {
     "functionResponse": {
      "name": "look",
      "response": {
       "|": [
        {
         "output": "$s"
        },
        {
         "error": "$s"
        },
        {
         "a": "$s",
         "b": "$s"
        }
       ]
      },
      "parts?": [
       {
        "inlineData": {
         "mimeType": "image/png",
         "data": "$s"
        }
       }
      ],
      "scheduling?": "$s",
      "willContinue?": true
     }
    },
    {
     "?": {
      "text": "$s"
     }
    }
   ]
  },
  {
   "?": {
    "role": "model",
    "parts": [
     {
      "text": "$s"
     }
    ]
   }
  },
  {
   "role": "user",
   "parts": [
    {
     "text": "$s"
    }
   ]
  }
 ],
 "tools?": [
  {
   "functionDeclarations": [
    {
     "name": "look",
     "description?": "$s",
     "parameters?": {
      "type": "OBJECT",
      "properties": {
       "$s": {
        "type": "STRING",
        "description?": "$s",
        "enum?": [
         "$s"
        ]
       }
      },
      "title?": "$s",
      "description?": "$s",
      "propertyOrdering?": [
       "$s"
      ]
     },
     "response?": {
      "type": "STRING",
      "description": "$s"
     },
     "behavior?": "$s"
    },
    {
     "?": {
      "name": "$s",
      "parametersJsonSchema": {
       "type": "object",
       "properties": {
        "$s": {
         "type": "string",
         "description?": "$s",
         "enum?": [
          "$s"
         ]
        }
       },
       "title?": "$s",
       "description?": "$s"
      }
     }
    }
   ]
  },
  {
   "?": {
    "googleSearch": {
     "timeRangeFilter?": {
      "startTime": "$s"
     }
    }
   }
  },
  {
   "?": {
    "codeExecution": {}
   }
  }
 ],
 "toolConfig?": {
  "functionCallingConfig?": {
   "mode": {
    "|": [
     "AUTO",
     "ANY",
     "NONE"
    ]
   },
   "allowedFunctionNames?": [
    "look"
   ]
  },
  "retrievalConfig?": {
   "languageCode": "$s"
  }
 },
 "generationConfig?": {
  "temperature?": {
   "#": 0.1
  },
  "topP?": {
   "#": 0.1
  },
  "topK?": {
   "#": 300
  },
  "candidateCount?": 1,
  "maxOutputTokens?": {
   "#": 20000
  },
  "stopSequences?": {
   "|": [
    [
     "$s"
    ],
    [
     "$s",
     "$s",
     "$s",
     "$s",
     "$s",
     "$s"
    ]
   ]
  },
  "seed?": {
   "#": 700000
  },
  "presencePenalty?": {
   "#": 0.1
  },
  "frequencyPenalty?": {
   "#": 0.1
  },
  "responseLogprobs?": true,
  "logprobs?": {
   "#": 5000
  },
  "responseMimeType?": {
   "|": [
    "application/json",
    "$s"
   ]
  },
  "responseSchema?": {
   "type": "OBJECT",
   "properties": {
    "$s": {
     "type": "STRING",
     "description?": "$s",
     "enum?": [
      "$s"
     ]
    }
   },
   "title?": "$s",
   "description?": "$s",
   "propertyOrdering?": [
    "$s"
   ]
  },
  "responseJsonSchema?": {
   "type": "object",
   "properties": {
    "$s": {
     "type": "string",
     "description?": "$s",
     "enum?": [
      "$s"
     ]
    }
   },
   "title?": "$s",
   "description?": "$s"
  },
  "responseModalities?": [
   "$s"
  ],
  "mediaResolution?": "$s",
  "thinkingConfig?": {
   "includeThoughts?": true,
   "thinkingBudget?": {
    "#": 4000
   },
   "thinkingLevel?": {
    "|": [
     "LOW",
     "$s"
    ]
   }
  },
  "speechConfig?": {
   "languageCode": "$s"
  }
 },
 "safetySettings?": [
  {
   "category": "$s",
   "threshold": "$s"
  }
 ],
 "cachedContent?": "$s",
 "labels?": {
  "$s": "$s"
 },
 "serviceTier?": {
  "|": [
   "flex",
   "$s"
  ]
 },
 "whatever?": {
  "a": [
   "$s"
  ]
 }
}"##;

pub const OPENAI_COMPLETIONS: &str = r##"{
 "model": "m",
 "prompt": {
  "|": [
   "$s",
   [
    "$s"
   ]
  ]
 },
 "max_tokens?": {
  "#": 20000
 },
 "temperature?": {
  "#": 0.1
 },
 "top_p?": {
  "#": 0.1
 },
 "frequency_penalty?": {
  "#": 0.1
 },
 "presence_penalty?": {
  "#": 0.1
 },
 "seed?": {
  "#": 700000
 },
 "stop?": {
  "|": [
   "$s",
   [
    "$s"
   ],
   [
    "$s",
    "$s",
    "$s",
    "$s",
    "$s",
    "$s"
   ]
  ]
 },
 "logprobs?": {
  "#": 5000
 },
 "logit_bias?": {
  "$s": 1
 },
 "user?": "$s",
 "stream_options?": {
  "include_usage": true,
  "other?": "$s"
 },
 "whatever?": {
  "a": [
   "$s"
  ]
 }
}"##;
