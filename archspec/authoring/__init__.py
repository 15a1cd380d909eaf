"""What helps an author of specs: messages, warnings, schema, references, starters."""
