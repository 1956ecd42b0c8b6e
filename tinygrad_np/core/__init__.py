"""The engine: Tensors, records, the sweep. Imports numpy only, names no op."""
