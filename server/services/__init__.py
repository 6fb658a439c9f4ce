"""One thin class for each service of the contract: convert, read, compute, convert back."""
