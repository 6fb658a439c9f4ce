"""Between protobuf and domain types. Requests are checked here, by pydantic; every wrong field is named by its path."""
