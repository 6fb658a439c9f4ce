"""The `farview` command."""
